"""What can be drawn: tasks of the denoising family, and what they are made of."""

from dataclasses import dataclass, field

KARRAS = "_karras"  # a sampler's name with this at its end: the same at Karras' noise levels
SAMPLERS = (
    "euler",
    "euler_karras",
    "euler_a",
    "heun",
    "heun_karras",
    "ddim",
    "dpmpp_2m",
    "dpmpp_2m_karras",
    "dpmpp_2m_sde",
    "dpmpp_2m_sde_karras",
    "unipc",
    "unipc_karras",
    "lcm",
)
SEED_LIMIT = 2**63  # seeds are 0 <= seed < SEED_LIMIT, and so is seed + index of the last picture


FILLS = ("original", "blur", "noise", "nothing")
FITS = ("crop", "stretch", "pad")
ANNOTATORS = ("none", "canny", "scribble", "lineart", "invert", "depth")
CONTROL_MODES = ("balanced", "prompt", "control")
MOST_IMAGE_PROMPTS = 4
MOST_REFERENCES = 5  # pictures of one image prompt
MOST_CONTROLS = 4  # each costs a picture about as much again as its own encoder, and as much memory


@dataclass(frozen=True, slots=True)
class Raster:
    """A picture that comes in: `pixels` are rows from the top, 3 bytes of RGB a pixel, 4 of RGBA, or 1 of a mask."""

    width: int
    height: int
    pixels: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lora:
    """A low-rank adapter to draw with (Hu et al., 2021, arXiv 2106.09685). scale: 1 as it was trained, 0 not at all."""

    name: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Control:
    """A ControlNet to draw with, and what it is to follow (Zhang et al., 2023, arXiv 2302.05543).

    image: of the whole result, its middle where it has another aspect; `annotator`, a name of ANNOTATORS, makes the
    control picture of it. weight: of what the ControlNet adds, 0 is nothing. start, end: the part of the steps, as
    shares, in which it does. mode: which is to win where they disagree, a name of CONTROL_MODES; "prompt" and
    "control" as "My prompt is more important" and "ControlNet is more important" in AUTOMATIC1111's extension.
    """

    model: str
    image: Raster
    annotator: str
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    mode: str = "balanced"


@dataclass(frozen=True, slots=True)
class ImagePrompt:
    """Pictures to draw like, by an IP-Adapter (Ye et al., 2023, arXiv 2308.06721).

    images: looked at side by side; of each its middle square. scale: how much they count, 0 not at all, 1 as in the
    adapter's training. start, end: the part of the steps, as shares, in which they are looked at. Several image prompts
    of a task add up.
    """

    model: str
    images: tuple[Raster, ...]
    scale: float = 1.0
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True, slots=True)
class Variation:
    """Start from noise between that of the task's seed and that of `seed`; strength 0 is the first, 1 the second."""

    seed: int
    strength: float


@dataclass(frozen=True, slots=True)
class SecondPass:
    """What is other in the second pass of two than in the first; None is nothing.

    loras: those of `prompt`, where that is not None. upscaler: the id of what enlarges on the way, None is Lanczos.
    """

    model: str | None = None
    prompt: str | None = None
    negative_prompt: str | None = None
    sampler: str | None = None
    guidance_scale: float | None = None
    loras: tuple[Lora, ...] = ()
    upscaler: str | None = None


@dataclass(frozen=True, slots=True)
class FirstPass:
    """Draw at width x height pixels first, enlarge, and draw over it at the task's own size and steps.

    steps: of this pass. strength: of the drawing over, as in ImageToImage.
    """

    width: int
    height: int
    steps: int
    strength: float
    second: SecondPass = SecondPass()


@dataclass(frozen=True, slots=True)
class Drawing:
    """What every task of the denoising family says: `count` pictures, picture i from the noise of `seed + i`.

    width, height: pixels of the result. steps: sampling steps. sampler: a name of SAMPLERS. guidance_scale: weight of
    classifier-free guidance, 1 is none (Ho and Salimans, 2022, arXiv 2207.12598). guidance_rescale: 0 to 1, how far
    the guided answer is brought back to the spread of the plain one (Lin et al., 2023, arXiv 2305.08891, section 3.4).
    guidance_interval: the part of the steps, from and to as shares, that is guided (Kynkaanniemi et al., 2024,
    arXiv 2404.07724). clip_skip: how many more of the text encoders' last layers are left out. vae: the id of one that
    draws in place of the model's own. controls: what is to be followed beside the prompt, image_prompts: what is to be
    looked at. noise_size: the width and height, as the model draws them, of a picture whose noise is in the middle of
    this one's, so that another size shows what that seed shows. seamless: where the picture ends it goes on at its
    other edge, so that copies of it can be laid side by side.
    """

    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    sampler: str
    seed: int
    count: int = 1
    guidance_rescale: float = 0.0
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    clip_skip: int = 0
    loras: tuple[Lora, ...] = ()
    vae: str | None = None
    variation: Variation | None = None
    controls: tuple[Control, ...] = ()
    image_prompts: tuple[ImagePrompt, ...] = ()
    noise_size: tuple[int, int] | None = None
    seamless: bool = False


@dataclass(frozen=True, slots=True)
class TextToImage(Drawing):
    """From words alone. With a `first_pass` the picture is drawn small, enlarged, and drawn over, as a hires fix.

    face_restorer: the id of what draws the faces of the finished picture anew, or None.
    """

    first_pass: FirstPass | None = None
    face_restorer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageToImage(Drawing):
    """Start from `image` under noise. strength: 0 keeps it, 1 forgets it (Meng et al., 2021, arXiv 2108.01073).

    fit: how an image of another aspect comes to width x height: a name of FITS. keep_colours: hue and saturation of
    the result are the image's own, where they were. face_restorer: as in TextToImage.
    """

    image: Raster
    strength: float
    fit: str = "crop"
    keep_colours: bool = False
    face_restorer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TiledImageToImage(ImageToImage):
    """The same for an `image` of any size, in tiles that the model draws well; width and height are the image's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inpaint(Drawing):
    """Draw anew where `mask`, of the image's size, is bright; keep every pixel where it is 0.

    mask_blur: pixels of the image over which the edge fades. fill: what the masked part starts from, a name of FILLS.
    only_masked: draw the mask's surroundings alone, `padding` pixels of the image more on each side, at the full
    width and height, and put them back into the image.
    """

    image: Raster
    mask: Raster
    strength: float
    mask_blur: int = 0
    fill: str = "original"
    only_masked: bool = False
    padding: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Outpaint(Drawing):
    """Continue `image` beyond its edges by so many of its pixels a side; width and height are those of the whole.

    feather: pixels inside the old edge over which the new part fades into the image.
    """

    image: Raster
    left: int
    top: int
    right: int
    bottom: int
    feather: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit(Drawing):
    """`image` changed as the prompt tells, by a model that was trained for instructions (arXiv 2211.09800).

    image_guidance_scale: how much is made of what the image shows, from 1 on; guidance_scale: of the instruction.
    fit: as in ImageToImage.
    """

    image: Raster
    image_guidance_scale: float
    fit: str = "crop"


Drawn = TextToImage | ImageToImage | Inpaint | Outpaint | Edit
