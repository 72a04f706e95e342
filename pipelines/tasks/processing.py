"""What can be done with a given picture without drawing."""

from dataclasses import dataclass

from pipelines.errors import TaskRefused
from pipelines.filters.words import Step
from pipelines.tasks.drawing import ImageToImage, Raster, TiledImageToImage
from pipelines.tasks.results import Embedded

CUTOUT_OUTPUTS = ("cutout", "mask", "both")
MOST_SMOOTHING, MOST_FEATHER = 64, 256  # pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """What every task says that works on a given picture without denoising; one result. model: None for none."""

    image: Raster
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotate(Processing):
    """What `annotator`, one of ANNOTATORS but "none", makes of `image` for a ControlNet. model: the one for "depth"."""

    annotator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreFaces(Processing):
    """`image` with the details of its faces drawn anew by a model of kind `face-restorer`; its size stays.

    model None only counts them. strength: 0 to 1, how much of a new face shows over the old one. made_by: the model
    that `image` comes from, where it is a step on the way.
    """

    strength: float = 1.0
    made_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upscale(Processing):
    """`image` at width x height pixels, enlarged by a model of kind `upscaler`, or by Lanczos alone.

    denoise: 0 to 1, how much of the picture's noise goes before it is enlarged. over, faces: how the enlarged picture
    is drawn over, for details that it never had, or only its faces are; it takes the place of the image there.
    """

    width: int
    height: int
    denoise: float = 0.0
    over: ImageToImage | TiledImageToImage | None = None
    faces: RestoreFaces | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(Processing):
    """`image` after all steps, in their order. kept: metadata of its file, see `pipelines.provenance.carrier`."""

    steps: tuple[Step, ...]
    kept: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop(Processing):
    """`image` in another aspect, at width x height pixels. mode, focus: see `pipelines.cropping.crop`.

    safe_zone: margins, left, top, right and bottom as shares of the result, around which a frame is drawn.
    """

    width: int
    height: int
    mode: str = "smart"
    focus: tuple[float, float] | None = None
    safe_zone: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe(Processing):
    """What can be said of `image`: no picture, a Description. embedded: what its file says, which goes into that."""

    embedded: Embedded | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """What is made of a mask's edge, in this order. Raises TaskRefused for what is out of range.

    threshold: from which certainty, 0 to 1, a pixel is foreground wholly, and otherwise not at all; None leaves it
    soft. follow: the mask follows the picture's colours near its edge, for hair and fur. smoothing: pixels, over which
    the outline is evened out. feather: pixels, over which it fades.
    """

    threshold: float | None = None
    follow: bool = False
    smoothing: float = 0
    feather: float = 0

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise TaskRefused("threshold must be from 0 to 1.", field="threshold")
        if not 0 <= self.smoothing <= MOST_SMOOTHING:
            raise TaskRefused(f"edge_smoothing must be from 0 to {MOST_SMOOTHING} pixels.", field="edge_smoothing")
        if not 0 <= self.feather <= MOST_FEATHER:
            raise TaskRefused(f"feather must be from 0 to {MOST_FEATHER} pixels.", field="feather")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBackground(Processing):
    """What stands out in `image`, by a model of kind `matting`, or by GrabCut where that is None.

    edge: what is made of the mask's edge. output: "cutout", transparent where the background was, "mask", or "both", in
    this order. background: what comes in its place, a picture fitted as `fit` says or a colour as hexadecimal.
    """

    edge: Edge = Edge()
    output: str = "cutout"
    background: Raster | str | None = None
    fit: str = "crop"
