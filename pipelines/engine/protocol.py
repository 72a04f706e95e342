"""The door between the server and whatever draws: a Worker takes tasks and tells events. Standard library only."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol

from pipelines.tasks import Facts, Picture, Raster, Task


@dataclass(frozen=True, slots=True)
class Terms:
    """How a job stands among others. account: jobs of different accounts take turns by the work done for each.

    priority: higher goes first, whatever the account. deadline: seconds since the epoch after which the job fails
    rather than being drawn on. previews: tell Previewed as the picture emerges.
    """

    account: str = ""
    priority: int = 0
    deadline: float | None = None
    previews: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """The first tick of the job is about to run. Told again where a job starts over, after the loss of its process."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Progressed:
    """`step` of `steps` calls of the model are done; some samplers call it twice a step."""

    job_id: str
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Previewed:
    """What the first picture of the job looks like so far: small, and not exact."""

    job_id: str
    preview: Raster


@dataclass(frozen=True, slots=True)
class Finished:
    """facts: what the task was to say of its picture."""

    job_id: str
    pictures: tuple[Picture, ...]
    facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """`code` and `sentence` are those of a DarkroomError, fit for the caller."""

    job_id: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    job_id: str


Event = Started | Progressed | Previewed | Finished | Failed | Cancelled
Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Counters:
    """What a worker has done since it was started; none of them ever falls while it lives.

    rows: in all ticks together. tick_seconds: the time that the ticks took. steps: drafts moved on, one tick each.
    loads, unloads: of models, parts that draw with one included. out_of_memory: work that did not fit and was done
    again in halves, or given up. prompt_hits, prompt_misses: prompts whose embeddings were remembered, or made.
    """

    ticks: int = 0
    rows: int = 0
    tick_seconds: float = 0.0
    steps: int = 0
    loads: int = 0
    unloads: int = 0
    out_of_memory: int = 0
    prompt_hits: int = 0
    prompt_misses: int = 0

    def __add__(self, other: "Counters") -> "Counters":
        return Counters(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Health:
    """ready: could draw right now. state: a word for people (starting, ready, stopped, failed).

    seconds_since_beat: how long ago the drawing thread last showed life; it beats at every tick and when idle.
    """

    ready: bool
    state: str
    device: str
    seconds_since_beat: float
    loaded_models: tuple[str, ...]
    running: int
    waiting: int
    counters: Counters = Counters()


class Worker(Protocol):
    """Owns one device. Every method returns at once and may be called from any thread.

    The listener is called from the worker's own thread, in order; for each submitted job exactly one of
    Finished, Failed or Cancelled comes last.
    """

    def start(self, listener: Listener) -> None:
        """Begin: load the default model in the background, then draw what is submitted."""
        ...

    def submit(self, job_id: str, task: Task, terms: Terms) -> None: ...

    def cancel(self, job_id: str) -> None:
        """Take effect before the next tick. Unknown and finished jobs are ignored."""
        ...

    def health(self) -> Health: ...

    def stop(self) -> None:
        """Cancel what is left and end thread and process; returns when they have ended."""
        ...
