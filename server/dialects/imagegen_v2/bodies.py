"""The requests of the endpoints that draw and of those that process, with the bounds of the document."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from pipelines.tasks import FILLS
from server.bodies.caption import Tags
from server.bodies.job import Picture, Share
from server.bodies.webhooks import Address
from server.http.body import Name, Prompt, Seed, SparseBody, Text
from server.images import QUALITY

LONGEST_PROMPT = 1000
FEWEST_STEPS, MOST_STEPS = 10, 150
LEAST_GUIDANCE, MOST_GUIDANCE = 1.0, 20.0
MOST_METADATA = 100  # keys
STRENGTH, MASK_BLUR = 0.75, 4  # those of the document's examples

Side = Annotated[int, Field(ge=64, le=2048, multiple_of=8)]
OutputFormat = Literal["png", "jpg", "jpeg", "webp"]
_tags = TypeAdapter(Tags)


def tags_of(metadata: dict[str, Any]) -> tuple[str, ...]:
    """As the gallery finds them. Raises pydantic's ValidationError."""
    return tuple(_tags.validate_python(metadata.get("tags") or [], strict=True))


def _with_good_tags(metadata: dict[str, Any]) -> dict[str, Any]:
    try:
        tags_of(metadata)
    except ValidationError:
        raise ValueError("its tags must be a list of short words") from None
    return metadata


Metadata = Annotated[dict[str, Any], Field(max_length=MOST_METADATA), AfterValidator(_with_good_tags)]


class Parameters(SparseBody):
    """What is left out is the model's own. `sampler` wins over `scheduler`; both take names of either kind."""

    width: Side | None = None
    height: Side | None = None
    num_outputs: Annotated[int, Field(ge=1, le=4)] = 1
    num_inference_steps: Annotated[int, Field(ge=FEWEST_STEPS, le=MOST_STEPS)] | None = None
    guidance_scale: Annotated[float, Field(ge=LEAST_GUIDANCE, le=MOST_GUIDANCE)] | None = None
    scheduler: Name | None = None
    seed: Seed | None = None
    sampler: Name | None = None


class Style(SparseBody):
    """Names that GET /darkroom/v1/styles lists."""

    preset: Name | None = None
    artistic_style: Name | None = None
    lighting: Name | None = None
    camera_angle: Name | None = None


class Output(SparseBody):
    format: OutputFormat = "png"
    quality: Annotated[int, Field(ge=1, le=100)] = QUALITY
    return_type: Literal["url", "base64"] = "url"


class Drawing(SparseBody):
    """What all take that draw."""

    prompt: Annotated[Prompt, Field(max_length=LONGEST_PROMPT)]
    negative_prompt: Text = ""
    model: Name | None = None
    parameters: Parameters = Parameters()
    style: Style = Style()
    output: Output = Output()
    webhook_url: Address | None = None
    metadata: Annotated[Metadata, Field(default_factory=dict)]


class TextToImage(Drawing):
    """The body of POST /api/v2/generate/text-to-image."""


class Preserve(SparseBody):
    """structure: by a ControlNet that follows edges. style: by an IP-Adapter, or without one by changing less."""

    structure: bool = False
    colors: bool = False
    style: bool = False


class ImageToImage(Drawing):
    """The body of POST /api/v2/generate/image-to-image."""

    init_image: Picture
    strength: Share = STRENGTH
    preserve: Preserve = Preserve()


class Inpaint(Drawing):
    """White in the mask is drawn anew, or kept and all else drawn anew, with `preserve_masked_area`."""

    init_image: Picture
    mask_image: Picture
    inpaint_mode: Literal[FILLS] = "original"  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    mask_blur: Annotated[int, Field(ge=0, le=256)] = MASK_BLUR
    preserve_masked_area: bool = False


class FilterStep(SparseBody):
    """A filter by its type, and its parameters beside it."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[Name, Field(json_schema_extra={"example": "brightness"})]


class Filters(SparseBody):
    """The body of POST /api/v2/process/filters."""

    image_url: Picture
    filters: Annotated[list[FilterStep], Field(min_length=1, max_length=16)]
    output_format: OutputFormat = "png"
    preserve_metadata: bool = False


class RemoveBackground(SparseBody):
    """To replace it, `background_color` or `background_url` says by what."""

    image_url: Picture
    mode: Literal["remove", "replace"] = "remove"
    output_format: OutputFormat = "png"
    edge_smoothing: bool = False
    foreground_threshold: Share | None = None
    background_color: Name | None = None
    background_url: Picture | None = None


class Upscale(SparseBody):
    """The body of POST /api/v2/process/upscale."""

    image_url: Picture
    scale_factor: Literal[2, 4, 8] = 4
    model: Name | None = None
    enhance_faces: bool = False
    denoise_strength: Share = 0.0
