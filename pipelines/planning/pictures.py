"""What can be done with a given picture, as complete Tasks: the counterpart of `drawing`."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.catalog import Catalog
from pipelines.colours import hexadecimal
from pipelines.cropping import MODES as CROP_MODES
from pipelines.errors import TaskRefused
from pipelines.filters.table import chain
from pipelines.limits import check_name, check_range
from pipelines.planning.drawing import tiled_image_to_image
from pipelines.planning.installed import matting_network, tool
from pipelines.tasks import (
    ANNOTATORS,
    CUTOUT_OUTPUTS,
    FITS,
    Annotate,
    Crop,
    Describe,
    Edge,
    Embedded,
    Filter,
    Raster,
    RemoveBackground,
    RestoreFaces,
    Upscale,
)
from pipelines.upscale.target import MOST_PIXELS, size_by_factor, size_by_sides

UPSCALE_MODES = ("fast", "conservative", "creative")
DEFAULT_FACTOR = 4
MOST_SIDE = 8192
MOST_MARGIN = 0.49
WHOLE_EDGE = Edge()


def upscale(
    catalog: Catalog,
    *,
    image: Raster,
    mode: str | None = None,
    model: str | None = None,
    factor: int | None = None,
    width: int | None = None,
    height: int | None = None,
    denoise: float = 0.0,
    restore_faces: bool = False,
    **drawn: Any,
) -> Upscale:
    """mode: "fast" is Lanczos, "conservative" a network: that of `model`, or the first one installed. "creative" draws
    over the result, by a network where there is one: drawn are prompt, strength, and what else a drawing takes.

    Without a mode it is a network where there is one. By `factor`, or to the sides given, or four times as large.
    restore_faces: its faces then, which are only counted where no face restorer is installed.
    Raises ModelUnknown, ModelNotInstalled, and TaskRefused with a sentence that says what would do; so do the others.
    """
    if mode is not None:
        check_name(mode, UPSCALE_MODES, "mode")
    check_range(denoise, 0, 1, "denoise")
    own = image.width, image.height
    if width is None and height is None:
        target = size_by_factor(own, DEFAULT_FACTOR if factor is None else factor)
    elif factor is None:
        target = size_by_sides(own, width, height)
    else:
        raise TaskRefused("Say a factor or how large, not both.", field="factor")
    network = None if mode == "fast" else tool(catalog, model, "upscaler", needed=mode == "conservative")
    if drawn and mode != "creative":
        raise TaskRefused(f"Only the mode creative takes {next(iter(drawn))}.", field=next(iter(drawn)))
    if restore_faces and mode == "creative":
        raise TaskRefused("The mode creative draws over faces too, so it does not restore them.", field="restore_faces")
    restorer = tool(catalog, None, "face-restorer", needed=False) if restore_faces else None
    faces = RestoreFaces(image=Raster(1, 1, bytes(3)), model=restorer, made_by=network) if restore_faces else None
    over = tiled_image_to_image(catalog, target, **drawn) if mode == "creative" else None
    return Upscale(
        image=image, model=network, width=target[0], height=target[1], denoise=denoise, over=over, faces=faces
    )


def filters(
    catalog: Catalog,
    *,
    image: Raster,
    filters: Sequence[tuple[str, Mapping[str, object]]],
    kept: bytes | None = None,
) -> Filter:
    """filters: names with parameters, in their order; see `filters.table`. kept: see the task."""
    return Filter(image=image, steps=chain(filters), kept=kept)


def crop(
    catalog: Catalog,
    *,
    image: Raster,
    width: int,
    height: int,
    mode: str = "smart",
    focus: tuple[float, float] | None = None,
    safe_zone: tuple[float, float, float, float] | None = None,
) -> Crop:
    """See `cropping.crop`. safe_zone: margins of a frame that shows what is safe, see the task."""
    check_name(mode, CROP_MODES, "mode")
    for side, field in ((width, "width"), (height, "height")):
        check_range(side, 1, MOST_SIDE, field)
    if width * height > MOST_PIXELS:
        raise TaskRefused(f"The picture may have at most {MOST_PIXELS} pixels in all; ask for less.", field="width")
    if focus is not None:
        for share in focus:
            check_range(share, 0, 1, "focus")
    for share in safe_zone or ():
        check_range(share, 0, MOST_MARGIN, "safe_zone")
    return Crop(image=image, width=width, height=height, mode=mode, focus=focus, safe_zone=safe_zone)


def describe(catalog: Catalog, *, image: Raster, embedded: Embedded | None = None) -> Describe:
    return Describe(image=image, embedded=embedded)


def annotate(catalog: Catalog, *, image: Raster, annotator: str) -> Annotate:
    """Raises TaskRefused; and ModelNotInstalled for "depth" where no model of that kind is."""
    check_name(annotator, ANNOTATORS[1:], "annotator")
    model = tool(catalog, None, "depth", needed=True) if annotator == "depth" else None
    return Annotate(image=image, annotator=annotator, model=model)


def remove_background(
    catalog: Catalog,
    *,
    image: Raster,
    model: str | None = None,
    method: str | None = None,
    output: str = "cutout",
    background: Raster | str | None = None,
    fit: str = "crop",
    edge: Edge = WHOLE_EDGE,
) -> RemoveBackground:
    """method: "grabcut" does without a network, "network" insists on one: that of `model`, or the first one installed.

    Left out, it is a network where there is one. background: a picture, or a colour by name or as hexadecimal.
    """
    check_name(output, CUTOUT_OUTPUTS, "output")
    check_name(fit, FITS, "fit")
    network = matting_network(catalog, model, method)
    return RemoveBackground(
        image=image, model=network, edge=edge, output=output, background=behind(background), fit=fit
    )


def behind(background: Raster | str | None) -> Raster | str | None:
    """A colour, by name or as hexadecimal, as "#rrggbb"; anything else as it is. Raises TaskRefused."""
    return hexadecimal(background, "background") if isinstance(background, str) else background
