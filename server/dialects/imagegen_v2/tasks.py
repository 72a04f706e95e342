"""From this API's requests to tasks; pictures are decoded already. What planning raises passes through."""

from typing import Any, NamedTuple

from pipelines.catalog import Catalog, Model
from pipelines.errors import ModelNotInstalled, ModelUnknown
from pipelines.planning import following, image_to_image, inpaint, style_transfer, text_to_image, upscale
from pipelines.tasks import Raster, Task
from server.dialects.imagegen_v2 import bodies
from server.prompts.enhancer import Enhanced

UNKNOWN = "No model of this name is here: GET /api/v2/models lists those there are."
NO_UPSCALER = "No upscaler is installed: the picture is enlarged by Lanczos."
NO_ADAPTER = "No IP-Adapter is installed: the style is kept by changing less."
FOLLOWED = ("canny", "scribble")  # annotators that show structure
STYLE_STRENGTH = 0.6  # of the image prompt
LESS = 0.6  # of the strength, where there is no image prompt


class Planned(NamedTuple):
    """applied: what the task does beside drawing, in this API's words. warning: what it cannot do as asked."""

    task: Task
    applied: tuple[str, ...] = ()
    warning: str | None = None


class Chosen(NamedTuple):
    model: Model
    warning: str | None


def chosen(catalog: Catalog, name: str | None, task: str) -> Chosen:
    """The model by its id or by a name that the document knows. Raises ModelNotInstalled for any other name, too."""
    try:
        return Chosen(*catalog.meant(name, task))
    except ModelUnknown:
        raise ModelNotInstalled(UNKNOWN, field="model") from None


def drawn(asked: bodies.Drawing, model: Model, words: Enhanced) -> dict[str, Any]:
    """What every drawing is planned with. words: the prompts, with those of the style."""
    said = asked.parameters
    return {
        "model": model.id,
        "prompt": words.prompt,
        "negative_prompt": words.negative_prompt,
        "width": said.width,
        "height": said.height,
        "steps": said.num_inference_steps,
        "guidance_scale": said.guidance_scale,
        "sampler": said.sampler or said.scheduler,
        "seed": said.seed,
        "count": said.num_outputs,
    }


def from_text(asked: bodies.TextToImage, model: Model, words: Enhanced, catalog: Catalog) -> Planned:
    return Planned(text_to_image(catalog, **drawn(asked, model, words)))


def from_image(asked: bodies.ImageToImage, model: Model, words: Enhanced, image: Raster, catalog: Catalog) -> Planned:
    """preserve.structure is a ControlNet; colors are kept after drawing; style is the picture as an image prompt."""
    keeps, applied = asked.preserve, ["redraw"]
    said = drawn(asked, model, words) | {"image": image, "keep_colours": keeps.colors}
    if keeps.structure:
        said["controls"] = (following(catalog, model, image, FOLLOWED, 1.0),)
        applied.append("structure_control")
    if keeps.colors:
        applied.append("color_preservation")
    warning = None
    if keeps.style:
        task, warning = _in_its_style(catalog, asked.strength, said)
        applied.append("strength_reduction" if warning else "style_reference")
    else:
        task = image_to_image(catalog, strength=asked.strength, **said)
    if (task.width, task.height) != (image.width, image.height):
        applied.append("resize")
    return Planned(task, tuple(applied), warning)


def _in_its_style(catalog: Catalog, strength: float, said: dict[str, Any]) -> tuple[Any, str | None]:
    shares: dict[str, Any] = {
        "composition_fidelity": 0.0,
        "change_strength": strength,
        "style_strength": STYLE_STRENGTH,
    }
    try:
        return style_transfer(catalog, style_image=said["image"], **shares, **said), None
    except ModelNotInstalled as error:
        if error.field != "adapter":
            raise
    return image_to_image(catalog, strength=LESS * strength, **said), NO_ADAPTER


def with_mask(
    asked: bodies.Inpaint, model: Model, words: Enhanced, image: Raster, mask: Raster, catalog: Catalog
) -> Planned:
    masked = {"image": image, "mask": mask, "mask_blur": asked.mask_blur, "fill": asked.inpaint_mode}
    return Planned(inpaint(catalog, **drawn(asked, model, words), **masked))


def enlarged(asked: bodies.Upscale, image: Raster, catalog: Catalog) -> Planned:
    """By the upscaler that is named; by Lanczos, with a warning, while none at all is installed."""
    name, warning = None, None
    if asked.model is not None:
        try:
            name, warning = chosen(catalog, asked.model, "upscale")
        except ModelNotInstalled:
            if asked.model not in catalog.aliases or _has_upscaler(catalog):
                raise
            warning = NO_UPSCALER
    task = upscale(
        catalog,
        image=image,
        model=name.id if name else None,
        factor=asked.scale_factor,
        denoise=asked.denoise_strength,
        restore_faces=asked.enhance_faces,
    )
    return Planned(task, (), warning)


def _has_upscaler(catalog: Catalog) -> bool:
    return any(model.kind == "upscaler" and catalog.is_installed(model) for model in catalog.models)
