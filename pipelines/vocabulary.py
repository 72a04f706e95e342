"""The words of tasks and results as plain JSON, with their bytes apart: what the wire and the database write down.

Whoever reads does not trust who wrote: what does not read back as exactly one value raises VocabularyError. No pickle.
"""

import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from io import BytesIO
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter

from pipelines.filters.words import Step
from pipelines.tasks import (
    Colour,
    Control,
    Description,
    Edge,
    Embedded,
    Face,
    FirstPass,
    Foreground,
    ImagePrompt,
    Lora,
    Object,
    Picture,
    Raster,
    RestoredFaces,
    SecondPass,
    Setting,
    Task,
    Variation,
)

PARTS = (
    *(Raster, Lora, Control, ImagePrompt, Variation, FirstPass, SecondPass, Step, Edge),
    *(Picture, Description, Colour, Face, Object, Embedded, Setting, Foreground, RestoredFaces),
)
TASK_KINDS: tuple[type, ...] = (*get_args(Task), *PARTS)


class VocabularyError(ValueError):
    """What was read is not one whole value of this vocabulary."""


class Vocabulary:
    """Dataclasses of the kinds given, with fields of these kinds, of plain JSON, of bytes, or tuples of those."""

    def __init__(self, kinds: Iterable[type]) -> None:
        self._kinds = {kind.__name__: kind for kind in kinds}

    def write(self, value: object) -> tuple[str, list[bytes]]:
        """The JSON of a value, and the bytes that it mentions, in order."""
        pixels: list[bytes] = []
        return json.dumps(_plain(value, pixels)), pixels

    def read(self, text: str | bytes, pixels: bytes | memoryview) -> Any:
        """The value of which this was written. A field that is absent gets its default, as in a task that an earlier
        version wrote down. Raises VocabularyError.
        """
        rest = BytesIO(pixels)
        try:
            value = self._whole(json.loads(text), rest)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise VocabularyError("This does not read as a value.") from error
        if rest.read(1):
            raise VocabularyError("There are bytes that nothing mentions.")
        return value

    def _whole(self, plain: Any, rest: BytesIO) -> Any:
        """The value of which `_plain` said this. The vocabulary knows no lists: each is a tuple."""
        if isinstance(plain, list):
            return tuple(self._whole(item, rest) for item in plain)
        if not isinstance(plain, dict):
            return plain
        if plain.keys() == {"bytes"}:
            return _take(rest, plain["bytes"])
        kind = self._kinds[plain["kind"]]
        return _built(kind, {name: self._whole(value, rest) for name, value in plain["fields"].items()})


def _plain(value: Any, pixels: list[bytes]) -> Any:
    """What JSON can say of a value; its bytes are left to `pixels`, in order."""
    if isinstance(value, bytes):
        pixels.append(value)
        return {"bytes": len(value)}
    if isinstance(value, tuple):
        return [_plain(item, pixels) for item in value]
    if is_dataclass(value):
        said = {field.name: _plain(getattr(value, field.name), pixels) for field in fields(value)}
        return {"kind": type(value).__name__, "fields": said}
    return value


def _built(kind: type, said: dict[str, Any]) -> Any:
    """The dataclass with fields that it declares, each of the type that it declares."""
    forms = _forms(kind)
    return kind(**{name: forms[name].validate_python(value, strict=True) for name, value in said.items()})


@cache
def _forms(kind: type) -> dict[str, TypeAdapter[Any]]:
    return {name: TypeAdapter(hint) for name, hint in get_type_hints(kind).items()}


def _take(rest: BytesIO, count: int) -> bytes:
    taken = rest.read(count) if count >= 0 else b""
    if len(taken) != count:
        raise VocabularyError("There are fewer bytes than are mentioned.")
    return taken
