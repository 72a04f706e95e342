"""What can be drawn, as complete Tasks: defaults from the model's entry, a seed, every limit checked."""

import secrets
from dataclasses import replace
from typing import Any

from pipelines.catalog import Catalog
from pipelines.errors import TaskRefused
from pipelines.limits import (
    check_controls,
    check_drawing,
    check_image_prompts,
    check_name,
    check_range,
    check_start,
    fitting,
)
from pipelines.lora_tags import taken_out
from pipelines.planning.installed import (
    check_installed,
    controlnet_named,
    depth_model,
    ip_adapter_named,
    lora_named,
    vae_named,
)
from pipelines.sampler_names import sampler_named
from pipelines.sizes import plan
from pipelines.tasks import (
    FILLS,
    FITS,
    Control,
    Drawing,
    FirstPass,
    ImagePrompt,
    ImageToImage,
    Inpaint,
    Outpaint,
    Raster,
    TextToImage,
    TiledImageToImage,
    Variation,
)

RANDOM_SEEDS = 2**32  # short enough for people to copy, and for JavaScript to hold
IMAGE_STRENGTH = 0.6
TILES_STRENGTH = 0.3  # more, and every tile would show a whole scene of the prompt
ECONOMY_INTERVAL = (0.0, 0.7)  # guidance is dropped late, where it changes least: a row less for those steps
MOST_CLIP_SKIP = 11


def text_to_image(catalog: Catalog, *, first_pass: FirstPass | None = None, **said: Any) -> TextToImage:
    """The task with every default filled in; see `_drawing` for what may be said. first_pass.steps 0: as many.

    Raises ModelUnknown, ModelNotInstalled, and TaskRefused with a sentence that says what would do; so do the others.
    """
    task = TextToImage(**_drawing(catalog, "text_to_image", None, said))
    if first_pass is not None:
        first_pass = replace(first_pass, steps=first_pass.steps or task.steps)
        task = replace(task, first_pass=first_pass)
        first = replace(task, width=first_pass.width, height=first_pass.height, steps=first_pass.steps)
        _check(catalog, first)
        check_start(first_pass.strength, task.steps)
    _check(catalog, task)
    return task


def image_to_image(
    catalog: Catalog, *, image: Raster, strength: float | None = None, fit: str = "crop", **said: Any
) -> ImageToImage:
    """Drawn over `image`; width and height are the image's own unless said, kept inside the model's limits."""
    strength = IMAGE_STRENGTH if strength is None else strength
    check_name(fit, FITS, "fit")
    task = ImageToImage(
        **_drawing(catalog, "image_to_image", (image.width, image.height), said),
        image=image,
        strength=strength,
        fit=fit,
    )
    check_start(strength, task.steps)
    _check(catalog, task)
    return task


def tiled_image_to_image(
    catalog: Catalog, size: tuple[int, int], *, strength: float | None = None, **said: Any
) -> TiledImageToImage:
    """Drawn over a picture of `size`, whatever the model's limits, that is yet to come: its image is a single pixel."""
    usual = {"prompt": "", "seed": None} | said
    fields = _drawing(catalog, "image_to_image", None, usual)
    strength = TILES_STRENGTH if strength is None else strength
    task = TiledImageToImage(**fields, image=Raster(1, 1, bytes(3)), strength=strength)
    _check(catalog, task)
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
        **_drawing(catalog, "inpaint", own, said),
        image=image,
        mask=mask,
        strength=strength,
        mask_blur=mask_blur,
        fill=fill,
        only_masked=only_masked,
        padding=padding,
    )
    check_start(strength, task.steps)
    _check(catalog, task)
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
    task = Outpaint(**_drawing(catalog, "outpaint", whole, said), image=image, **sides, feather=feather)
    _check(catalog, task)
    return task


def _drawing(catalog: Catalog, kind: str, own_size: tuple[int, int] | None, said: dict[str, Any]) -> dict[str, Any]:
    """The fields of a Drawing: what was said, which may be None, and for the rest the model's defaults.

    model None is the catalogue's default, seed None a random one; own_size is used where no size is said. economy
    leaves guidance out of the last steps.
    """
    said = dict(said)
    name, economy = said.pop("model", None), said.pop("economy", False)
    entry = catalog.default() if name is None else catalog.get(name)
    defaults = entry.defaults
    if kind not in entry.tasks or defaults is None:
        raise TaskRefused("This model does not do that; GET /darkroom/v1/models lists what each can do.", field="model")
    check_installed(catalog, entry)
    width, height = fitting(own_size, entry) if own_size else (defaults.width, defaults.height)
    usual: dict[str, Any] = {
        "negative_prompt": "",
        "width": width,
        "height": height,
        "steps": defaults.steps,
        "guidance_scale": defaults.guidance_scale,
        "sampler": defaults.sampler,
        "seed": secrets.randbelow(RANDOM_SEEDS),
    }
    if economy:
        usual["guidance_interval"] = ECONOMY_INTERVAL
    given = {field: value for field, value in said.items() if value is not None}
    given["prompt"], tagged = taken_out(given["prompt"])
    loras = (*given.get("loras", ()), *tagged)
    given["loras"] = tuple(replace(lora, name=lora_named(catalog, lora.name).id) for lora in loras)
    given["controls"] = _controls(catalog, given.get("controls", ()))
    given["image_prompts"] = _image_prompts(catalog, given.get("image_prompts", ()))
    if "vae" in given:
        given["vae"] = vae_named(catalog, given["vae"]).id
    if "sampler" in given:
        given["sampler"] = sampler_named(given["sampler"])
    return {"model": entry.id, **usual, **given}


def _controls(catalog: Catalog, controls: tuple[Control, ...]) -> tuple[Control, ...]:
    check_controls(controls)
    if any(control.annotator == "depth" for control in controls):
        depth_model(catalog)
    return tuple(replace(control, model=controlnet_named(catalog, control.model).id) for control in controls)


def _image_prompts(catalog: Catalog, prompts: tuple[ImagePrompt, ...]) -> tuple[ImagePrompt, ...]:
    check_image_prompts(prompts)
    return tuple(replace(prompt, model=ip_adapter_named(catalog, prompt.model).id) for prompt in prompts)


def _check(catalog: Catalog, task: Drawing) -> None:
    entry = catalog.get(task.model)
    check_drawing(task, entry.limits)
    check_range(task.clip_skip, 0, MOST_CLIP_SKIP, "clip_skip")
    if isinstance(task.variation, Variation):
        check_range(task.variation.strength, 0, 1, "variation")
    plan(task.width, task.height, entry)
