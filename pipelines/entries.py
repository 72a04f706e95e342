"""What an entry of models.yaml says, checked at the door, and what a file that was dropped in says instead."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pipelines.tasks import SAMPLERS

# What a kind can do by itself, as the names of tasks in our API; a LoRA, a VAE, a ControlNet or an IP-Adapter only
# serves others.
TASKS: Mapping[str, tuple[str, ...]] = {
    "sdxl": ("text_to_image", "image_to_image", "inpaint", "outpaint", "style_transfer"),
    "sdxl-inpaint": ("inpaint", "outpaint"),
    "sdxl-edit": ("edit",),
    "controlnet": (),
    "ip-adapter": (),
    "lora": (),
    "vae": (),
    "embedding": (),
    "depth": ("annotate",),
    "upscaler": ("upscale",),
    "matting": ("remove_background", "replace_background", "relight"),
    "segmenter": ("search_and_recolor", "search_and_replace"),
    "face-restorer": ("restore_faces",),
    "face-detector": (),
    "detector": ("describe",),
    "captioner": ("describe",),
    "safety-scorer": ("describe",),
    "aesthetic-scorer": ("describe",),
    "enhancer": (),
    "fake": ("text_to_image",),
}
DRAWING_KINDS = ("sdxl", "sdxl-inpaint", "sdxl-edit")
Kind = Literal[
    "sdxl",
    "sdxl-inpaint",  # its UNet takes 9 channels: it cannot draw from text alone, so it is a kind of its own
    "sdxl-edit",  # as InstructPix2Pix: 8 channels, of which 4 show the picture that the words tell to change
    "controlnet",
    "ip-adapter",
    "lora",
    "vae",  # the AutoencoderKL of an SDXL model, in place of its own
    "embedding",  # a textual inversion: words for the text encoders
    "depth",  # sees how far away things are: for ControlNets that follow depth
    "upscaler",
    "matting",
    "segmenter",
    "face-restorer",
    "face-detector",  # in place of the Haar cascade that needs no file
    "detector",  # of things that it has names for
    "captioner",
    "safety-scorer",
    "aesthetic-scorer",
    "enhancer",
    "fake",  # `pipelines.fake`: no model, for tests of everything around one
]
# An id names a folder and a file path is joined to one: neither can climb out.
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
Alias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$")]
PART_OF_PATH = r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*"
RelativePath = Annotated[str, Field(pattern=rf"^{PART_OF_PATH}(/{PART_OF_PATH}){{0,7}}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _size(value: object) -> object:
    """`128x96` to (128, 96): width and height in pixels. What is such a pair already stays as it is."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, str) and value.count("x") == 1 and value.replace("x", "").isdecimal():
        width, height = value.split("x")
        return int(width or 0), int(height or 0)
    raise ValueError("a size is written WIDTHxHEIGHT, such as 1024x768")


Side = Annotated[int, Field(ge=8, le=8192)]
Size = Annotated[tuple[Side, Side], BeforeValidator(_size)]


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Source(Entry):
    """Where `darkroom pull` finds the files. revision: a commit of the repository; null until it was pulled."""

    hub: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str | None = None


class File(Entry):
    """One file of a model, by its path in the repository and in the model's folder. size: bytes."""

    path: RelativePath
    sha256: Sha256 | None = None
    size: int | None = Field(None, ge=0)


class Defaults(Entry):
    """What a task gets that does not say otherwise."""

    steps: int = Field(ge=1)
    guidance_scale: float = Field(ge=1)
    sampler: Literal[SAMPLERS]  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    width: Side
    height: Side


class Direct(Entry):
    """The sizes that the model draws well as they are asked for; others are planned around the native sizes."""

    min_side: int = Field(ge=64, multiple_of=8)
    max_side: int = Field(ge=64, multiple_of=8)
    min_pixels: int = Field(ge=64 * 64)
    max_pixels: int = Field(ge=64 * 64)


class Limits(Entry):
    """What a task may ask for. Sides in pixels, inclusive; max_pixels is width times height."""

    min_side: int = Field(8, ge=8)
    max_side: int = Field(8192, le=8192)
    max_pixels: int = Field(16_777_216, le=16_777_216)
    max_steps: int = Field(100, ge=1)
    max_guidance_scale: float = Field(30.0, ge=1)
    max_count: int = Field(10, ge=1)
    max_prompt_chars: int = Field(4000, ge=1)


Credits = Annotated[float, Field(ge=0, le=1_000_000)]
Resolution = Literal["low", "standard", "high", "4k"]


class Price(Entry):
    """Credits for one picture, by its resolution; down to thousandths."""

    model_config = ConfigDict(serialize_by_alias=True)

    low: Credits = 1
    standard: Credits = 1
    high: Credits = 2
    four_k: Credits = Field(4, alias="4k")

    def of(self, resolution: Resolution) -> float:
        return self.four_k if resolution == "4k" else getattr(self, resolution)


class Model(Entry):
    """One entry of models.yaml; the head of that file says what each field is for."""

    id: Id
    name: str
    kind: Kind
    description: str
    licence: str
    embedded: bool = False
    source: Source | None = None
    files: Annotated[tuple[File, ...], Field(min_length=1, strict=False)]
    tokenizers_from: Id | None = None
    vae: Id | None = None
    scheduler: Mapping[str, bool | int | float | str] = Field(default_factory=dict)
    dtype: Literal["float16", "bfloat16", "float32"]
    defaults: Defaults | None = None
    native_sizes: Annotated[tuple[Size, ...], Field(strict=False)] = ()
    direct: Direct | None = None
    oversize: Literal["enlarge", "refuse"] = "enlarge"
    limits: Limits = Limits()
    price: Price = Price()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind in DRAWING_KINDS and not (self.defaults and self.native_sizes and self.direct):
            raise ValueError("a model that draws needs defaults, native_sizes and direct")
        if self.embedded and self.source:
            raise ValueError("an embedded model comes with the program and has no source")
        return self

    @property
    def tasks(self) -> tuple[str, ...]:
        """What models of this kind can do."""
        return TASKS[self.kind]

    @property
    def size_bytes(self) -> int | None:
        """All files together; None until they have been seen."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def stem(self) -> str:
        """The name of its (first) file without folder and ending, as people who dropped it in know it."""
        return PurePosixPath(self.files[0].path).stem

    @property
    def content(self) -> str:
        """Another text when its files are others, as far as the catalogue knows."""
        return " ".join([self.id, *(file.sha256 or str(file.size) for file in self.files)])


class DropIn(Model):
    """One file in a folder of its kind: no entry of models.yaml. folder: its name in the models folder.

    changed_ns: when the file was last written, in nanoseconds since the epoch.
    """

    folder: str
    changed_ns: int

    @property
    def content(self) -> str:
        return f"{super().content} {self.changed_ns}"


class LockedFile(Entry):
    sha256: Sha256
    size: int = Field(ge=0)


class LockedModel(Entry):
    """What `pull` brought for one model."""

    hub: str
    revision: str
    files: dict[str, LockedFile]


class Lock(Entry):
    """The lock file beside the models: id to what was pulled."""

    models: dict[str, LockedModel] = Field(default_factory=dict)
