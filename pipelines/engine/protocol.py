"""The door between the server and whatever draws: a Worker takes tasks and tells events. Standard library only."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from pipelines.counters import Counters
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
class Health:
    """ready: could draw right now. state: a word for people (starting, ready, stopped, failed).

    seconds_since_beat: how long ago the drawing thread last showed life; it beats at every tick and when idle.
    loading: models that are wished to be loaded and are not yet. not_loaded: with an error's code and sentence.
    """

    ready: bool
    state: str
    device: str
    seconds_since_beat: float
    loaded_models: tuple[str, ...]
    running: int
    waiting: int
    counters: Counters = field(default_factory=Counters)
    loading: tuple[str, ...] = ()
    not_loaded: tuple[tuple[str, str, str], ...] = ()


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

    def wish(self, model: str, *, loaded: bool) -> None:
        """Have a model that draws loaded before a job needs it, or unloaded once those that draw with it have ended.

        `health` tells what became of it. A lost process takes wishes with it.
        """
        ...

    def health(self) -> Health: ...

    def stop(self) -> None:
        """Cancel what is left and end thread and process; returns when they have ended."""
        ...
