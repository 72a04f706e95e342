"""models.yaml and what was dropped into the models folder to Model entries; what is installed, and where.

No torch, so the server may ask.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple, Self

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from pipelines.dropins import DropIns
from pipelines.entries import (
    PART_OF_PATH,
    TASKS,
    Alias,
    Direct,
    DropIn,
    Entry,
    File,
    Id,
    Kind,
    Limits,
    Lock,
    LockedFile,
    LockedModel,
    Model,
    Resolution,
    Sha256,
    Size,
    Source,
)
from pipelines.errors import ModelNotInstalled, ModelUnknown
from pipelines.yaml_file import read

__all__ = [
    "LOCK_FILE", "PART_OF_PATH", "TASKS", "Catalog", "Direct", "File", "Id", "Kind", "Limits", "LockedFile",
    "LockedModel", "Model", "Rescanned", "Resolution", "Sha256", "Size", "Source", "add_to_lock", "default_file",
    "read_lock",
]  # fmt: skip

LOCK_FILE = "models.lock.yaml"


class _Listing(Entry):
    models: Annotated[tuple[Model, ...], Field(min_length=1, strict=False)]
    aliases: dict[Alias, Annotated[tuple[Id, ...], Field(strict=False)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        ids = [model.id for model in self.models]
        for index, model in enumerate(self.models):
            if model.id in ids[:index]:
                raise _wrong(index, "id", "another model has this id")
            if model.tokenizers_from and model.tokenizers_from not in ids:
                raise _wrong(index, "tokenizers_from", "no model of this file has this id")
            if model.vae and model.vae not in [other.id for other in self.models if other.kind == "vae"]:
                raise _wrong(index, "vae", "no model of this file that is a vae has this id")
        for alias, meant in self.aliases.items():
            if alias in ids or not set(meant) <= set(ids):
                raise _blaming(("aliases", alias), "it stands for ids of this file, and is none itself")
        return self


def _wrong(index: int, field: str, message: str) -> ValidationError:
    """Blames one field of one entry, so that the sentence can name its line."""
    return _blaming(("models", index, field), message)


def _blaming(place: tuple[str | int, ...], message: str) -> ValidationError:
    kind = PydanticCustomError("catalog", "{message}", {"message": message})
    return ValidationError.from_exception_data("models", [{"type": kind, "loc": place, "input": None}])


class Rescanned(NamedTuple):
    """The ids that came, went, and are now of other files or another description."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


class Meant(NamedTuple):
    """The model that a name of another service stands for here. warning: where it is not what the name promises."""

    model: Model
    warning: str | None = None


class Catalog:
    """The models that this server knows: those of models.yaml in its order, then the files that were dropped in.

    Any thread may ask it while another one scans.
    """

    def __init__(
        self, listed: tuple[Model, ...], models_folder: Path, aliases: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.models_folder = models_folder
        self.aliases = dict(aliases or {})
        self._listed = listed
        self._drop_ins = DropIns(models_folder)
        self._scanning = threading.Lock()
        self._by_id: dict[str, Model] = {}

    @classmethod
    def load(cls, path: Path, models_folder: Path) -> Self:
        """Read `path`, the folders of `models_folder`, and what the lock file there knows of the files.

        Raises CatalogInvalid, whose sentence names file, line and field.
        """
        listing = read(path, _Listing)
        catalog = cls(listing.models, models_folder, listing.aliases)
        catalog.rescan()
        return catalog

    def rescan(self) -> Rescanned:
        """Look at the models folder again. Raises CatalogInvalid where the lock file was spoilt; all is then as before.

        models.yaml is not read again.
        """
        with self._scanning:
            lock = read_lock(self.models_folder)
            listed = tuple(_completed(model, lock, self.folder(model)) for model in self._listed)
            before, now = self._by_id, {model.id: model for model in (*listed, *self._drop_ins.entries(listed))}
            self._by_id = now
        return Rescanned(
            added=tuple(name for name in now if name not in before),
            removed=tuple(name for name in before if name not in now),
            changed=tuple(name for name in now if name in before and now[name] != before[name]),
        )

    @property
    def models(self) -> tuple[Model, ...]:
        return tuple(self._by_id.values())

    def get(self, name: str) -> Model:
        """The model of that id. Raises ModelUnknown."""
        model = self._by_id.get(name)
        if model is None:
            raise ModelUnknown("No model has this name; `darkroom models` lists those there are.", field="model")
        return model

    def named(self, name: str, kind: Kind) -> Model:
        """The model of that kind by its id, or by its file's name as people write it, whatever the case of letters.

        A model of another kind that has this id comes last. Raises ModelUnknown.
        """
        of_kind = [model for model in self.models if model.kind == kind]
        by_id = [model for model in of_kind if model.id == name]
        by_file = [model for model in of_kind if model.stem.lower() == name.lower()]
        return next(iter([*by_id, *by_file]), None) or self.get(name)

    def meant(self, name: str | None, task: str) -> Meant:
        """The model for a task by what a client calls it: an id, an alias, or nothing.

        An alias stands for the first of its models that is installed; one without models for whatever does the task.
        While nothing but the embedded demos does it, they stand in for what is not installed, with a warning. Raises
        ModelUnknown and ModelNotInstalled.
        """
        if name is None:
            return Meant(self.default(task))
        if name not in self.aliases:
            return Meant(self.get(name))
        wanted = [self.get(model) for model in self.aliases[name]]
        able = [model for model in wanted if task in model.tasks and self.is_installed(model)]
        if able or not wanted:
            return Meant(able[0] if able else self.default(task))
        instead = self.default(task)
        if not instead.embedded:
            raise ModelNotInstalled(
                f"The model is not installed; `darkroom pull {wanted[0].id}` gets it.", field="model"
            )
        return Meant(instead, f"{wanted[0].id} is not installed: {instead.id}, a demonstration, stands in for it.")

    def folder(self, model: Model) -> Path:
        """Where the model's files lie, or will lie."""
        if isinstance(model, DropIn):
            return self.models_folder / model.folder
        return (Path(__file__).parent / "demo" if model.embedded else self.models_folder) / model.id

    def needed(self, model: Model) -> tuple[Model, ...]:
        """The model, whose tokenizers it borrows, and its VAE where that is another entry's."""
        return (model, *(self.get(name) for name in (model.tokenizers_from, model.vae) if name))

    def to_pull(self, model: Model) -> tuple[str, ...]:
        """The ids that must be pulled before the model can work."""
        return tuple(
            needed.id
            for needed in self.needed(model)
            if not all((self.folder(needed) / file.path).is_file() for file in needed.files)
        )

    def is_installed(self, model: Model) -> bool:
        return not self.to_pull(model)

    def default(self, task: str = "text_to_image") -> Model:
        """The model that does a task when none is named: the first installed one.

        The embedded demos, which know shapes alone, count only while nothing else is installed that draws. Raises
        ModelNotInstalled.
        """
        installed = [model for model in self.models if self.is_installed(model)]
        is_demo = all(model.embedded for model in installed if "text_to_image" in model.tasks)
        able = [model for model in installed if task in model.tasks and (is_demo or not model.embedded)]
        if not able:
            sentence = "No model that does this is installed; `darkroom models` lists some, `darkroom pull` gets one."
            raise ModelNotInstalled(sentence, field="model")
        return min(able, key=lambda model: model.embedded)


def default_file() -> Path:
    """models.yaml of a checkout, or the copy inside an installed package."""
    packaged = Path(__file__).with_name("models.yaml")
    return packaged if packaged.is_file() else Path(__file__).parent.parent / "models.yaml"


def read_lock(models_folder: Path) -> Lock:
    """The lock file of the folder, empty where there is none yet. Raises CatalogInvalid."""
    path = models_folder / LOCK_FILE
    return read(path, Lock) if path.is_file() else Lock()


def add_to_lock(models_folder: Path, models: Mapping[str, LockedModel]) -> None:
    """Write down what was brought for these models, in place of what was known of them. Raises CatalogInvalid."""
    known = {**read_lock(models_folder).models, **models}
    path = models_folder / LOCK_FILE
    partial = path.with_suffix(".partial")
    partial.write_text(yaml.safe_dump({"models": {name: entry.model_dump() for name, entry in known.items()}}))
    partial.replace(path)


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
