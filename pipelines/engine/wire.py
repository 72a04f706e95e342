"""What a worker and its child say to each other, as bytes: a length, a JSON header, then the raw pixels it mentions.

Neither side trusts the other to be whole: what does not read back as exactly one message raises WireError. No pickle.
"""

from dataclasses import dataclass, field
from typing import get_args

from pipelines.counters import Counters
from pipelines.engine.protocol import Event, Health, Terms
from pipelines.logs import Logs
from pipelines.tasks import Task
from pipelines.tuning import Tuning
from pipelines.vocabulary import TASK_KINDS, Vocabulary, VocabularyError

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
    logs: Logs = field(default_factory=Logs)


@dataclass(frozen=True, slots=True)
class Submit:
    job_id: str
    task: Task
    terms: Terms


@dataclass(frozen=True, slots=True)
class Cancel:
    job_id: str


@dataclass(frozen=True, slots=True)
class Wish:
    model: str
    loaded: bool


Message = Begin | Submit | Cancel | Wish | Event | Health

SPOKEN = Vocabulary((*TASK_KINDS, Terms, Tuning, Logs, Counters, *get_args(Event), Begin, Submit, Cancel, Wish, Health))


def encode(message: Message) -> bytes:
    text, pixels = SPOKEN.write(message)
    header = text.encode()
    return b"".join([len(header).to_bytes(LENGTH_BYTES), header, *pixels])


def decode(data: bytes) -> Message:
    """The message of which `data` is the encoding. Raises WireError."""
    end = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES])
    if len(data) < end:
        raise WireError("The message is cut short.")
    try:
        message = SPOKEN.read(data[LENGTH_BYTES:end], memoryview(data)[end:])
    except VocabularyError as error:
        raise WireError("These bytes are no message.") from error
    if not isinstance(message, Message):
        raise WireError("These bytes are a part of a message.")
    return message
