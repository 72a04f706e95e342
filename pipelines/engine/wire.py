"""What a worker and its child say to each other, as bytes: a length, a JSON header, then the raw pixels it mentions.

Neither side trusts the other to be whole: what does not read back as exactly one message raises WireError. No pickle.
"""

import json
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from io import BytesIO
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter

from pipelines.engine.protocol import Counters, Event, Health, Terms
from pipelines.filters.words import Step
from pipelines.logs import Form
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
    Setting,
    Task,
    Variation,
)
from pipelines.tuning import Tuning

LENGTH_BYTES = 4  # of the number, big endian, that says how long the header is


class WireError(ValueError):
    """The bytes are not one whole message."""


@dataclass(frozen=True, slots=True)
class Begin:
    """The first message to a child: what to draw with, how to log. Files are paths; the rest is as in the settings."""

    models_file: str
    models_folder: str
    device: str
    tuning: Tuning = field(default_factory=Tuning)
    log_form: Form = "auto"


@dataclass(frozen=True, slots=True)
class Submit:
    job_id: str
    task: Task
    terms: Terms


@dataclass(frozen=True, slots=True)
class Cancel:
    job_id: str


Message = Begin | Submit | Cancel | Event | Health

PARTS = (
    *(Raster, Lora, Control, ImagePrompt, Variation, FirstPass, Step, Edge, Terms, Tuning, Counters),
    *(Picture, Description, Colour, Face, Object, Embedded, Setting, Foreground, RestoredFaces),
)
KINDS: dict[str, type] = {
    kind.__name__: kind for kind in (*get_args(Task), *PARTS, *get_args(Event), Begin, Submit, Cancel, Health)
}


def encode(message: Message) -> bytes:
    pixels: list[bytes] = []
    header = json.dumps(_plain(message, pixels)).encode()
    return b"".join([len(header).to_bytes(LENGTH_BYTES), header, *pixels])


def decode(data: bytes) -> Message:
    """The message of which `data` is the encoding. Raises WireError."""
    rest = BytesIO(data)
    try:
        header = _take(rest, int.from_bytes(_take(rest, LENGTH_BYTES)))
        message = _whole(json.loads(header), rest)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WireError("These bytes are no message.") from error
    if not isinstance(message, Message) or rest.read(1):
        raise WireError("These bytes are more, or less, than a message.")
    return message


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


def _whole(plain: Any, rest: BytesIO) -> Any:
    """The value of which `_plain` said this. The vocabulary knows no lists: each is a tuple."""
    if isinstance(plain, list):
        return tuple(_whole(item, rest) for item in plain)
    if not isinstance(plain, dict):
        return plain
    if plain.keys() == {"bytes"}:
        return _take(rest, plain["bytes"])
    return _built(KINDS[plain["kind"]], {name: _whole(value, rest) for name, value in plain["fields"].items()})


def _built(kind: type, said: dict[str, Any]) -> Any:
    """The dataclass with exactly the fields that it declares, each of the type that it declares."""
    forms = _forms(kind)
    if said.keys() != forms.keys():
        raise WireError(f"A {kind.__name__} has other fields.")
    return kind(**{name: forms[name].validate_python(value, strict=True) for name, value in said.items()})


@cache
def _forms(kind: type) -> dict[str, TypeAdapter[Any]]:
    return {name: TypeAdapter(hint) for name, hint in get_type_hints(kind).items()}


def _take(rest: BytesIO, count: int) -> bytes:
    taken = rest.read(count) if count >= 0 else b""
    if len(taken) != count:
        raise WireError("The message is cut short.")
    return taken
