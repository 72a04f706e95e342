"""What is asked for: the vendor's fields, and beside them those of our own API, as plain fields."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from pipelines.tasks import FILLS, FITS
from server.bodies.drawing import FirstPassBody, SettingsBody
from server.bodies.job import Share
from server.errors import BodyInvalid, NotOffered
from server.http.body import Body, Name, Prompt, Seed, Text
from server.http.forms import FILE
from server.images import QUALITY, Encoding

SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
MOST_IMAGES, MOST_COUNT, MOST_PARTIAL = 16, 10, 3
TRANSPARENT = "transparent"
ALWAYS_BASE64 = ("gpt-image", "chatgpt-image")  # models of the vendor's that never answer with addresses


def _is_size(size: str) -> str:
    if size != "auto" and not SIZE.fullmatch(size):
        raise ValueError("it must be auto, or a width and a height in pixels such as 1024x1024")
    return size


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


File = Annotated[str, Field(min_length=1, description="A PNG, JPEG or WEBP file.", json_schema_extra=FILE)]
Size = Annotated[str, AfterValidator(_is_size)]
Quality = Literal["auto", "standard", "low", "medium", "high", "hd", "xhigh", "max"]


class Answered(Body):
    """What every request says of its answer. `user` and `safety_identifier` are taken and change nothing."""

    model: Name | None = None
    response_format: Literal["url", "b64_json"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    user: str | None = None
    safety_identifier: str | None = None

    @property
    def is_transparent(self) -> bool:
        return False

    @property
    def is_in_base64(self) -> bool:
        """As the vendor has it: unless it is said, only of models that know nothing else."""
        asked = self.response_format or ("b64_json" if (self.model or "").startswith(ALWAYS_BASE64) else "url")
        return asked == "b64_json"

    def encoding(self) -> Encoding:
        """The vendor's default, png, cannot be compressed with loss, and says so; no more can jpeg be transparent."""
        format_ = self.output_format or "png"
        if format_ == "png" and self.output_compression not in (None, 100):
            raise NotOffered("png keeps every bit: ask for jpeg or webp to compress.", field="output_compression")
        if format_ == "jpeg" and self.is_transparent:
            raise BodyInvalid("`output_format`: jpeg has no transparency: ask for png or webp.", field="output_format")
        return Encoding(format_, QUALITY if self.output_compression is None else max(1, self.output_compression))


class Drawn(Answered, SettingsBody):
    """What every request says that draws."""

    n: Annotated[int, Field(ge=1, le=MOST_COUNT)] | None = None
    size: Size | None = None
    num_inference_steps: int | None = Field(None, description="Another name of `steps`, which wins.")
    quality: Quality | None = None
    background: Literal["auto", "opaque", "transparent"] | None = None
    stream: bool | None = None
    partial_images: Annotated[int, Field(ge=0, le=MOST_PARTIAL)] | None = None

    @property
    def is_transparent(self) -> bool:
        return self.background == TRANSPARENT


class Generation(Drawn):
    """The body of POST /v1/images/generations. `style` and `moderation` are taken and change nothing."""

    prompt: Prompt
    style: str | None = None
    moderation: str | None = None
    first_pass: FirstPassBody | None = None


class Edit(Drawn):
    """The form of POST /v1/images/edits. The first image is edited; the others are what the result is to look like."""

    image: Annotated[list[File], Field(min_length=1, max_length=MOST_IMAGES), BeforeValidator(_listed)]
    prompt: Prompt
    mask: File | None = Field(None, description="Transparent where the first image is drawn anew; of its size.")
    input_fidelity: Literal["low", "high"] | None = None
    strength: Share | None = None
    fit: Literal[FITS] = "crop"  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    image_guidance_scale: float | None = None
    mask_blur: int = 4
    fill: Literal[FILLS] = "original"  # type: ignore[valid-type]  # as above
    only_masked: bool = False
    padding: int = 32


class Variation(Drawn):
    """The form of POST /v1/images/variations. The prompt may be left out."""

    image: File
    prompt: Text = ""
    strength: Share | None = None
    fit: Literal[FITS] = "crop"  # type: ignore[valid-type]  # as above


class Enlargement(Answered):
    """The form of POST /v1/images/upscale: by `scale`, or to `size`. From `prompt` on, the fields are creative's."""

    image: File
    scale: Annotated[int, Field(ge=1, le=16)] | None = None
    size: Size | None = None
    mode: Literal["fast", "conservative", "creative"] | None = None
    denoise: Share = 0.0
    restore_faces: bool = False
    prompt: Text | None = None
    negative_prompt: Text | None = None
    strength: Share | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    sampler: Name | None = None
    seed: Seed | None = None


class Cutout(Answered):
    """The form of POST /v1/images/remove-background. background: transparent, or a colour by name or as #rrggbb."""

    image: File
    method: Literal["network", "grabcut"] | None = None
    output: Literal["cutout", "mask"] = "cutout"
    background: Name | None = None
    threshold: Share | None = None
    follow_edges: bool = False
    edge_smoothing: float = 0
    feather: float = 0

    @property
    def is_transparent(self) -> bool:
        return self.output == "cutout" and self.background in (None, "auto", TRANSPARENT)


def sides(size: str | None) -> tuple[int | None, int | None]:
    """Width and height; None for both where the size is left to us."""
    match = SIZE.fullmatch(size or "")
    return (int(match[1]), int(match[2])) if match else (None, None)
