"""Files that somebody put into the models folder: each becomes an entry of the catalogue with what its header says."""

import os
import re
import unicodedata
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from pipelines.entries import DropIn, File, Kind, Model
from pipelines.errors import WeightsRefused
from pipelines.headers import Header, read_header
from pipelines.weights import REFUSED_SUFFIXES, check_file, inside

log = structlog.get_logger("models")

FOLDERS: Mapping[str, tuple[Kind, ...]] = {
    "checkpoints": ("sdxl", "sdxl-inpaint"),
    "loras": ("lora",),
    "vae": ("vae",),
    "embeddings": ("embedding",),
    "controlnet": ("controlnet",),
    "upscalers": ("upscaler",),
    "face-restorers": ("face-restorer",),
}
BORROWED = ("defaults", "native_sizes", "direct", "oversize", "limits")  # what no header says of a checkpoint
LONGEST_ID = 90  # an id may have 100: there is room for a number


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which file, and as it was when. changed_ns: see `DropIn`; size: bytes."""

    folder: str
    name: str
    size: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Found:
    stamp: Stamp
    file: File
    header: Header


class DropIns:
    """The files of the folders. Each is read once, and again when it was changed; so is said of it why it is refused.

    What is refused hides nothing else, and stops nothing.
    """

    def __init__(self, models_folder: Path) -> None:
        self._models_folder = models_folder
        self._read: dict[Stamp, Found | None] = {}

    def entries(self, listed: Sequence[Model]) -> tuple[DropIn, ...]:
        """In the order of FOLDERS and of the files' names. listed: the entries of models.yaml, whose ids are taken."""
        lender = _lender(listed)
        known, self._read = self._read, {}
        for stamp in (stamp for folder in FOLDERS for stamp in self._stamps(folder)):
            self._read[stamp] = known[stamp] if stamp in known else self._look(stamp, lender)
        entries: dict[str, DropIn] = {}
        taken = {model.id for model in listed}
        for found in self._read.values():
            if found:
                name = _free_id(found, taken | entries.keys())
                entries[name] = _entry(name, found, lender)
        return tuple(entries.values())

    def _stamps(self, folder: str) -> Iterator[Stamp]:
        place = self._models_folder / folder
        for path in sorted(place.rglob("*")):
            name = path.relative_to(place)
            is_weights = path.suffix.lower() in (".safetensors", *REFUSED_SUFFIXES)
            is_hidden = any(part.startswith(".") for part in name.parts)
            if is_weights and not is_hidden and (status := _status(path)):
                yield Stamp(folder, name.as_posix(), status.st_size, status.st_mtime_ns)

    def _look(self, stamp: Stamp, lender: Model | None) -> Found | None:
        """The file as it was found; None where it is refused, which the log explains."""
        try:
            path = inside(self._models_folder / stamp.folder, stamp.name)
            check_file(path)
            header = read_header(path)
            home = next(folder for folder, kinds in FOLDERS.items() if header.kind in kinds)
            if home != stamp.folder:
                raise WeightsRefused(f"It is of kind {header.kind} and belongs into the folder {home}.")
            if home == "checkpoints" and lender is None:
                raise WeightsRefused("No SDXL model of models.yaml has tokenizers that it could borrow.")
            return Found(stamp, File(path=stamp.name, size=stamp.size), header)
        except WeightsRefused as error:
            reason = error.sentence
        except ValidationError:
            reason = "Its name, or the depth of its folders, is not one that the catalogue can hold."
        except OSError:
            reason = "It cannot be read: look at its permissions."
        log.warning("file_not_listed", file=ascii(f"{stamp.folder}/{stamp.name}"), reason=reason)
        return None


def _status(path: Path) -> os.stat_result | None:
    """None for what is no file, or no longer, or not for us to see."""
    try:
        return path.stat() if path.is_file() else None
    except OSError:
        return None


def _lender(listed: Sequence[Model]) -> Model | None:
    """Whose tokenizers a checkpoint borrows, and its sizes: the first true SDXL of models.yaml that has tokenizers."""
    for model in listed:
        has_tokenizers = any(file.path.startswith("tokenizer/") for file in model.files)
        if model.kind == "sdxl" and has_tokenizers and not model.embedded:
            return model
    return None


def _free_id(found: Found, taken: Container[str]) -> str:
    """The file's name in the letters of an id, with a number where another model has it already."""
    stem = unicodedata.normalize("NFKD", Path(found.file.path).stem).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._")[:LONGEST_ID] or found.header.kind
    return next(name for number in count(1) if (name := plain if number == 1 else f"{plain}-{number}") not in taken)


def _entry(name: str, found: Found, lender: Model | None) -> DropIn:
    header, stamp = found.header, found.stamp
    said: dict[str, Any] = {
        "id": name,
        "name": header.name or Path(stamp.name).stem,
        "kind": header.kind,
        "description": header.description or f"A file that was put into the folder {stamp.folder}.",
        "licence": header.licence or "unknown",
        "files": (found.file,),
        "dtype": header.dtype,
        "scheduler": header.scheduler,
        "folder": stamp.folder,
        "changed_ns": stamp.changed_ns,
    }
    if lender and header.kind in FOLDERS["checkpoints"]:
        said |= {"tokenizers_from": lender.id, **{field: getattr(lender, field) for field in BORROWED}}
    return DropIn(**said)
