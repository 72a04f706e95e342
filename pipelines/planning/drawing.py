"""What can be drawn, as complete Tasks: defaults from the model's entry, a seed, every limit checked."""

from dataclasses import replace
from typing import Any

from pipelines.catalog import Catalog
from pipelines.errors import ModelNotInstalled, TaskRefused
from pipelines.limits import (
    check_name,
    check_range,
    check_start,
)
from pipelines.passes import passes_of
from pipelines.planning.fields import check, drawing_fields, second_pass
from pipelines.planning.installed import face_restorer_named
from pipelines.tasks import (
    FILLS,
    FITS,
    Edit,
    FirstPass,
    ImageToImage,
    Inpaint,
    Outpaint,
    Raster,
    TextToImage,
    TiledImageToImage,
)

IMAGE_STRENGTH = 0.6
IMAGE_GUIDANCE, MOST_IMAGE_GUIDANCE = 1.5, 10.0
TILES_STRENGTH = 0.3  # more, and every tile would show a whole scene of the prompt


def text_to_image(
    catalog: Catalog, *, first_pass: FirstPass | None = None, face_restorer: str | None = None, **said: Any
) -> TextToImage:
    """The task with every default filled in; see `drawing_fields` for what may be said.

    first_pass: its steps 0 are as many as the second's; what its second pass names may be any names of these things.
    face_restorer: the name of one.

    Raises ModelUnknown, ModelNotInstalled, and TaskRefused with a sentence that says what would do; so do the others.
    """
    faces = face_restorer_named(catalog, face_restorer)
    task = TextToImage(**drawing_fields(catalog, "text_to_image", None, said), face_restorer=faces)
    if first_pass is not None:
        second = second_pass(catalog, first_pass.second)
        task = replace(task, first_pass=replace(first_pass, steps=first_pass.steps or task.steps, second=second))
        check_start(first_pass.strength, task.steps)
    for each in passes_of(task):
        check(catalog, each)
    return task


def image_to_image(
    catalog: Catalog,
    *,
    image: Raster,
    strength: float | None = None,
    fit: str = "crop",
    keep_colours: bool = False,
    face_restorer: str | None = None,
    **said: Any,
) -> ImageToImage:
    """Drawn over `image`; width and height are the image's own unless said, kept inside the model's limits."""
    strength = IMAGE_STRENGTH if strength is None else strength
    check_name(fit, FITS, "fit")
    task = ImageToImage(
        **drawing_fields(catalog, "image_to_image", (image.width, image.height), said),
        image=image,
        strength=strength,
        fit=fit,
        keep_colours=keep_colours,
        face_restorer=face_restorer_named(catalog, face_restorer),
    )
    check_start(strength, task.steps)
    check(catalog, task)
    return task


def tiled_image_to_image(
    catalog: Catalog, size: tuple[int, int], *, strength: float | None = None, **said: Any
) -> TiledImageToImage:
    """Drawn over a picture of `size`, whatever the model's limits, that is yet to come: its image is a single pixel."""
    usual = {"prompt": "", "seed": None} | said
    fields = drawing_fields(catalog, "image_to_image", None, usual)
    strength = TILES_STRENGTH if strength is None else strength
    task = TiledImageToImage(**fields, image=Raster(1, 1, bytes(3)), strength=strength)
    check(catalog, task)
    check_start(strength, task.steps)
    return replace(task, width=size[0], height=size[1])


def inpaint(
    catalog: Catalog,
    *,
    image: Raster,
    mask: Raster,
    strength: float | None = None,
    mask_blur: int = 0,
    fill: str = "original",
    only_masked: bool = False,
    padding: int = 32,
    **said: Any,
) -> Inpaint:
    """Drawn where `mask` is bright; it must have the image's size. strength None is 1: what is there is forgotten."""
    if (mask.width, mask.height) != (image.width, image.height):
        raise TaskRefused("The mask must have as many pixels a side as the image.", field="mask")
    if not any(mask.pixels):
        raise TaskRefused("The mask marks nothing: make it bright where the picture is to be drawn anew.", field="mask")
    check_name(fill, FILLS, "fill")
    check_range(mask_blur, 0, 256, "mask_blur")
    check_range(padding, 0, 1024, "padding")
    strength = 1.0 if strength is None else strength
    own = None if only_masked else (image.width, image.height)  # a part is drawn at the model's own size
    task = Inpaint(
        **drawing_fields(catalog, "inpaint", own, said),
        image=image,
        mask=mask,
        strength=strength,
        mask_blur=mask_blur,
        fill=fill,
        only_masked=only_masked,
        padding=padding,
    )
    check_start(strength, task.steps)
    check(catalog, task)
    return task


def edit(
    catalog: Catalog,
    *,
    image: Raster,
    image_guidance_scale: float | None = None,
    strength: float | None = None,
    fit: str = "crop",
    keep_colours: bool = False,
    **said: Any,
) -> Edit | ImageToImage:
    """`image` changed as the prompt tells, by the model named, or by the first installed one that edits.

    Where that is none, or the model named does not edit, it is drawn over as the prompt says. strength and keep_colours
    are of that;
    image_guidance_scale, 1.5 unless said, is of an edit.
    """
    name = said.pop("model", None) or _editing(catalog)
    if name is None or "edit" not in catalog.get(name).tasks:
        own: dict[str, Any] = {"strength": strength, "fit": fit, "keep_colours": keep_colours}
        return image_to_image(catalog, image=image, model=name, **own, **said)
    check_name(fit, FITS, "fit")
    scale = IMAGE_GUIDANCE if image_guidance_scale is None else image_guidance_scale
    check_range(scale, 1, MOST_IMAGE_GUIDANCE, "image_guidance_scale")
    fields = drawing_fields(catalog, "edit", (image.width, image.height), said | {"model": name})
    task = Edit(**fields, image=image, image_guidance_scale=scale, fit=fit)
    check(catalog, task)
    return task


def outpaint(
    catalog: Catalog,
    *,
    image: Raster,
    left: int = 0,
    top: int = 0,
    right: int = 0,
    bottom: int = 0,
    feather: int = 0,
    **said: Any,
) -> Outpaint:
    """`image` with so many of its pixels more on each side."""
    sides: dict[str, Any] = {"left": left, "top": top, "right": right, "bottom": bottom}
    for side, pixels in sides.items():
        check_range(pixels, 0, 4096, side)
    if not any(sides.values()):
        raise TaskRefused("Say by how many pixels the picture is to grow: left, top, right or bottom.", field="left")
    check_range(feather, 0, min(image.width, image.height) // 2, "feather")
    whole = (left + image.width + right, top + image.height + bottom)
    task = Outpaint(**drawing_fields(catalog, "outpaint", whole, said), image=image, **sides, feather=feather)
    check(catalog, task)
    return task


def _editing(catalog: Catalog) -> str | None:
    """The id of the first installed model that edits by instruction."""
    try:
        return catalog.default("edit").id
    except ModelNotInstalled:
        return None
