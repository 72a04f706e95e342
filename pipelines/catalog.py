"""models.yaml to Model entries, checked at the door; what is installed, and where. No torch, so the server may ask."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from pipelines.errors import ModelNotInstalled, ModelUnknown
from pipelines.tasks import SAMPLERS
from pipelines.yaml_file import read

LOCK_FILE = "models.lock.yaml"
# What a kind can do by itself, as the names of tasks in our API; a LoRA, a scorer and an enhancer only serve others.
TASKS: Mapping[str, tuple[str, ...]] = {
    "sdxl": ("text_to_image", "image_to_image", "inpaint", "outpaint"),
    "sdxl-inpaint": ("inpaint", "outpaint"),
    "controlnet": ("controlled",),
    "ip-adapter": ("restyle",),
    "lora": (),
    "upscaler": ("upscale",),
    "matting": ("remove_background",),
    "segmenter": ("segment",),
    "face-restorer": ("restore_faces",),
    "captioner": ("describe",),
    "scorer": (),
    "enhancer": (),
    "fake": ("text_to_image",),
}
Kind = Literal[
    "sdxl",
    "sdxl-inpaint",  # its UNet takes 9 channels: it cannot draw from text alone, so it is a kind of its own
    "controlnet",
    "ip-adapter",
    "lora",
    "upscaler",
    "matting",
    "segmenter",
    "face-restorer",
    "captioner",
    "scorer",
    "enhancer",
    "fake",  # `pipelines.fake`: no model, for tests of everything around one
]
# An id names a folder and a file path is joined to one: neither can climb out.
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
RelativePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,7}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _size(value: object) -> object:
    """`128x96` to (128, 96): width and height in pixels."""
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
    scheduler: Mapping[str, bool | int | float | str] = Field(default_factory=dict)
    dtype: Literal["float16", "bfloat16", "float32"]
    defaults: Defaults | None = None
    native_sizes: Annotated[tuple[Size, ...], Field(strict=False)] = ()
    direct: Direct | None = None
    oversize: Literal["enlarge", "refuse"] = "enlarge"
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind in ("sdxl", "sdxl-inpaint") and not (self.defaults and self.native_sizes and self.direct):
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


class _Listing(Entry):
    models: Annotated[tuple[Model, ...], Field(min_length=1, strict=False)]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        ids = [model.id for model in self.models]
        for index, model in enumerate(self.models):
            if model.id in ids[:index]:
                raise _wrong(index, "id", "another model has this id")
            if model.tokenizers_from and model.tokenizers_from not in ids:
                raise _wrong(index, "tokenizers_from", "no model of this file has this id")
        return self


def _wrong(index: int, field: str, message: str) -> ValidationError:
    """Blames one field of one entry, so that the sentence can name its line."""
    kind = PydanticCustomError("catalog", "{message}", {"message": message})
    return ValidationError.from_exception_data(
        "models", [{"type": kind, "loc": ("models", index, field), "input": None}]
    )


class Catalog:
    """The models that this server knows, in the order of models.yaml."""

    def __init__(self, models: tuple[Model, ...], models_folder: Path) -> None:
        self.models = models
        self.models_folder = models_folder
        self._by_id = {model.id: model for model in models}

    @classmethod
    def load(cls, path: Path, models_folder: Path) -> Self:
        """Read `path`, and what the lock file in `models_folder` knows of the files there.

        Raises CatalogInvalid, whose sentence names file, line and field.
        """
        models = read(path, _Listing).models
        lock = read_lock(models_folder)
        catalog = cls(models, models_folder)
        return cls(tuple(_completed(model, lock, catalog.folder(model)) for model in models), models_folder)

    def get(self, name: str) -> Model:
        """The model of that id. Raises ModelUnknown."""
        if name not in self._by_id:
            raise ModelUnknown("No model has this name; `darkroom models` lists those there are.", field="model")
        return self._by_id[name]

    def folder(self, model: Model) -> Path:
        """Where the model's files lie, or will lie."""
        return (Path(__file__).parent / "demo" if model.embedded else self.models_folder) / model.id

    def to_pull(self, model: Model) -> tuple[str, ...]:
        """The ids that must be pulled before the model can work: itself, and whose tokenizers it borrows."""
        lender = (self.get(model.tokenizers_from),) if model.tokenizers_from else ()
        return tuple(
            needed.id
            for needed in (model, *lender)
            if not all((self.folder(needed) / file.path).is_file() for file in needed.files)
        )

    def is_installed(self, model: Model) -> bool:
        return not self.to_pull(model)

    def default(self) -> Model:
        """The model that draws when none is named: the first installed one, an embedded demo only for want of others.

        Raises ModelNotInstalled.
        """
        able = [model for model in self.models if "text_to_image" in model.tasks and self.is_installed(model)]
        if not able:
            raise ModelNotInstalled("No model that draws is installed; `darkroom pull NAME` gets one.", field="model")
        return min(able, key=lambda model: model.embedded)


def default_file() -> Path:
    """models.yaml of a checkout, or the copy inside an installed package."""
    packaged = Path(__file__).with_name("models.yaml")
    return packaged if packaged.is_file() else Path(__file__).parent.parent / "models.yaml"


def read_lock(models_folder: Path) -> Lock:
    """The lock file of the folder, empty where there is none yet. Raises CatalogInvalid."""
    path = models_folder / LOCK_FILE
    return read(path, Lock) if path.is_file() else Lock()


def _completed(model: Model, lock: Lock, folder: Path) -> Model:
    """The model with what the lock file and the files themselves tell of revision, sha256 and size."""
    locked = lock.models.get(model.id)
    files = tuple(_completed_file(file, locked, folder) for file in model.files)
    source = model.source
    if source and locked and source.revision is None:
        source = source.model_copy(update={"revision": locked.revision})
    return model.model_copy(update={"files": files, "source": source})


def _completed_file(file: File, locked: LockedModel | None, folder: Path) -> File:
    known = locked.files.get(file.path) if locked else None
    path = folder / file.path
    size = path.stat().st_size if path.is_file() else file.size or (known.size if known else None)
    return file.model_copy(update={"size": size, "sha256": file.sha256 or (known.sha256 if known else None)})
