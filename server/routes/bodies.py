"""What a job is asked for in, as JSON: a body for each kind of task, and how it becomes a complete Task."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from pipelines import processing
from pipelines.catalog import Catalog
from pipelines.planning import image_to_image, inpaint, outpaint, text_to_image
from pipelines.tasks import (
    ANNOTATORS,
    CONTROL_MODES,
    FILLS,
    FITS,
    MOST_CONTROLS,
    Control,
    FirstPass,
    Lora,
    Task,
    Variation,
)
from server import decode
from server.errors import BodyInvalid
from server.http.body import Body, Name, Seed, Text, check, ignored_fields
from server.routes.job_body import JobBody, Picture, Share
from server.routes.processing_bodies import CropBody, DescribeBody, FilterBody, RemoveBackgroundBody, UpscaleBody

MOST_LORAS = 8


class LoraBody(Body):
    name: Name
    scale: Annotated[float, Field(ge=-4, le=4)] = 1.0


class ControlBody(Body):
    """What is to be followed beside the prompt: a picture, or what an annotator makes of it, by a ControlNet."""

    model: Name
    image: Picture
    annotator: Literal[ANNOTATORS] = "none"  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    weight: Annotated[float, Field(ge=0, le=2)] = 1.0
    start: Share = 0.0
    end: Share = 1.0
    mode: Literal[CONTROL_MODES] = "balanced"  # type: ignore[valid-type]  # as above

    async def said(self) -> Control:
        image = await decode.picture(self.image, "controls")
        return Control(self.model, image, self.annotator, self.weight, self.start, self.end, self.mode)


class VariationBody(Body):
    """Noise between that of the task's seed and that of another one."""

    seed: Seed
    strength: Share


class FirstPassBody(Body):
    """The picture is drawn at this size first, enlarged, and drawn over."""

    width: int
    height: int
    steps: Annotated[int, Field(ge=1)] | None = None
    strength: Share = 0.6


class DrawingBody(JobBody):
    """What every kind of drawing takes. What is left out takes the model's own value, and a random seed."""

    prompt: Text
    negative_prompt: Text = ""
    model: Name | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    guidance_rescale: Share | None = None
    guidance_interval: tuple[Share, Share] | None = Field(None, strict=False)
    economy: bool = Field(False, description="Leave guidance out of the last steps: faster, nearly the same picture.")
    sampler: Name | None = None
    seed: Seed | None = None
    count: Annotated[int, Field(ge=1)] = 1
    clip_skip: int | None = None
    variation: VariationBody | None = None
    loras: Annotated[list[LoraBody], Field(default_factory=list, max_length=MOST_LORAS)]
    controls: Annotated[list[ControlBody], Field(default_factory=list, max_length=MOST_CONTROLS)]
    vae: Name | None = Field(None, description="A VAE that draws in place of the model's own.")

    async def said(self) -> dict[str, Any]:
        said = await super().said()
        said["loras"] = tuple(Lora(lora.name, lora.scale) for lora in self.loras)
        said["controls"] = tuple([await control.said() for control in self.controls])
        said["variation"] = self.variation and Variation(self.variation.seed, self.variation.strength)
        return said


class TextToImageBody(DrawingBody):
    first_pass: FirstPassBody | None = None

    async def said(self) -> dict[str, Any]:
        said, first = await super().said(), self.first_pass
        return said | {"first_pass": first and FirstPass(first.width, first.height, first.steps or 0, first.strength)}


class ImageToImageBody(DrawingBody):
    image: Picture
    strength: Share | None = None
    fit: Literal[FITS] = "crop"  # type: ignore[valid-type]  # a tuple of names spells the same Literal

    async def said(self) -> dict[str, Any]:
        return await super().said() | {"image": await decode.picture(self.image, "image")}


class InpaintBody(DrawingBody):
    image: Picture
    mask: Annotated[Picture, Field(description="Bright where the picture is drawn anew; of the image's size.")]
    mask_invert: bool = False
    mask_blur: int = 4
    strength: Share | None = None
    fill: Literal[FILLS] = "original"  # type: ignore[valid-type]  # as above
    only_masked: bool = False
    padding: int = 32

    async def said(self) -> dict[str, Any]:
        said = await super().said()
        invert = said.pop("mask_invert")
        image, mask = await decode.picture(self.image, "image"), await decode.mask(self.mask, "mask", invert=invert)
        return said | {"image": image, "mask": mask}


class OutpaintBody(DrawingBody):
    image: Picture
    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0
    feather: int = 8

    async def said(self) -> dict[str, Any]:
        return await super().said() | {"image": await decode.picture(self.image, "image")}


class Kind(NamedTuple):
    """How a kind of task comes in: its body, and the planning that turns the body's fields into a complete Task."""

    body: type[JobBody]
    plan: Callable[..., Task]


KINDS: dict[str, Kind] = {
    "text_to_image": Kind(TextToImageBody, text_to_image),
    "image_to_image": Kind(ImageToImageBody, image_to_image),
    "inpaint": Kind(InpaintBody, inpaint),
    "outpaint": Kind(OutpaintBody, outpaint),
    "upscale": Kind(UpscaleBody, processing.upscale),
    "filter": Kind(FilterBody, processing.filters),
    "crop": Kind(CropBody, processing.crop),
    "describe": Kind(DescribeBody, processing.describe),
    "remove_background": Kind(RemoveBackgroundBody, processing.remove_background),
}


class Asked(NamedTuple):
    """headers: name the fields that were ignored."""

    body: JobBody
    task: Task
    headers: dict[str, str]


async def asked_for(catalog: Catalog, value: dict[str, Any]) -> Asked:
    """What a JSON object asks for. Raises BodyInvalid, ImageInvalid, and what the planning raises."""
    name = value.pop("task", None)
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise BodyInvalid(f"`task` must be one of: {', '.join(KINDS)}.", field="task")
    body = check(kind.body, value)
    return Asked(body, kind.plan(catalog, **await body.said()), ignored_fields(kind.body, value))


def openapi() -> dict[str, Any]:
    """One schema a kind, told apart by `task`."""
    example = {"task": "text_to_image", "prompt": "a big yellow star on a black background", "seed": 1}
    schemas = []
    for name, kind in KINDS.items():
        schema = kind.body.model_json_schema(ref_template=f"#/components/schemas/{name}_{{model}}")
        schema = _inlined(schema, schema.pop("$defs", {}), name)
        schema["properties"] = {"task": {"const": name}, **schema["properties"]}
        schema["required"] = ["task", *schema.get("required", [])]
        schemas.append(schema)
    content = {"schema": {"oneOf": schemas}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def _inlined(value: Any, parts: dict[str, Any], name: str) -> Any:
    """The schema with its parts in place: a body's own `$defs` would be out of reach inside the whole description."""
    if isinstance(value, dict):
        if reference := value.get("$ref"):
            return _inlined(parts[reference.removeprefix(f"#/components/schemas/{name}_")], parts, name)
        return {key: _inlined(item, parts, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_inlined(item, parts, name) for item in value]
    return value
