"""InlineWorker: the engine in a thread of this process. The default on a CPU, and in tests.

torch is imported by the thread: it takes seconds, and the server that made this worker is to answer meanwhile.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from pipelines.catalog import Catalog
from pipelines.counters import Counters
from pipelines.engine.protocol import Cancelled, Event, Failed, Finished, Health, Listener, Terms
from pipelines.errors import WorkerLost
from pipelines.tasks import Task
from pipelines.tuning import Tuning
from pipelines.wishes import Wishes

if TYPE_CHECKING:
    from pipelines.engine.loop import Engine
    from pipelines.registry import Registry
    from pipelines.tally import Tally

log = structlog.get_logger("worker")

IDLE_BEAT_SECONDS = 0.5


class Broken:
    """Stands where the engine was when that can go on no more: every job that it is given fails."""

    running = waiting = 0

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell

    def submit(self, job_id: str, task: Task, terms: Terms) -> None:
        error = WorkerLost()
        self._tell(Failed(job_id, error.code, error.sentence))

    def cancel(self, job_id: str) -> None:
        """Nothing is left to cancel."""

    def cancel_all(self) -> None:
        """Nothing is left to cancel."""

    def turn(self) -> bool:
        return False


class InlineWorker:
    """See `protocol.Worker`. Calls from other threads become commands that the thread takes between two ticks.

    What the engine does not survive, such as a lost device, this worker does not either: its state is then `failed`.
    """

    def __init__(self, catalog: Catalog, device: str = "auto", tuning: Tuning | None = None) -> None:
        self._catalog = catalog
        self._device = device
        self._tuning = tuning or Tuning()
        self._commands: queue.SimpleQueue[Callable[[Engine | Broken], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._state = "starting"
        self._beat = time.monotonic()
        self._open: dict[str, tuple[Task, Terms]] = {}  # only the thread touches it
        self._counts = (0, 0)
        self._wishes = Wishes()
        self._registry: Registry | None = None
        self._tally: Tally | None = None

    def start(self, listener: Listener) -> None:
        self._thread = threading.Thread(target=self._run, args=(listener,), name="darkroom-worker", daemon=True)
        self._thread.start()

    def submit(self, job_id: str, task: Task, terms: Terms) -> None:
        def command(engine: Engine | Broken) -> None:
            self._open[job_id] = task, terms
            engine.submit(job_id, task, terms)

        self._commands.put(command)

    def cancel(self, job_id: str) -> None:
        self._commands.put(lambda engine: engine.cancel(job_id))

    def wish(self, model: str, *, loaded: bool) -> None:
        self._wishes.note(model, loaded)
        self._commands.put(lambda engine: self._wishes.grant(self._registry, model, loaded))

    def health(self) -> Health:
        running, waiting = self._counts
        return Health(
            ready=self._state == "ready",
            state=self._state,
            device=self._device,
            seconds_since_beat=time.monotonic() - self._beat,
            loaded_models=self._registry.loaded() if self._registry else (),
            running=running,
            waiting=waiting + self._commands.qsize(),
            counters=self._tally.counters if self._tally else Counters(),
            loading=self._wishes.loading,
            not_loaded=self._wishes.not_loaded,
        )

    def stop(self) -> None:
        if self._thread is None:
            return
        self._stopping.set()
        self._commands.put(lambda engine: engine.cancel_all())
        self._thread.join()
        self._state = "stopped"

    def _run(self, listener: Listener) -> None:
        def tell(event: Event) -> None:
            if isinstance(event, Finished | Failed | Cancelled):
                self._open.pop(event.job_id, None)
            listener(event)

        try:
            engine = self._prepare(tell)
            self._beat, self._state = time.monotonic(), "ready"  # in this order: ready is never long ago
            self._turn(engine)
        except Exception:  # whatever it is, the server must say so rather than hang
            log.exception("worker_failed")
            self._state, self._registry = "failed", None
            self._turn(self._broken(tell))

    def _prepare(self, tell: Callable[[Event], None]) -> Engine:
        """The engine, with the default model loaded."""
        from pipelines.engine.loop import Engine
        from pipelines.profiling.fitting import device_named, memory_for, registry_for

        device = device_named(self._device)
        self._device = str(device)
        self._registry = registry_for(self._catalog, device, self._tuning)
        self._tally = self._registry.tally
        self._registry.pipeline(self._catalog.default().id, ())
        return Engine(self._catalog, self._registry, tell, memory_for(self._catalog, device, self._tuning))

    def _broken(self, tell: Callable[[Event], None]) -> Broken:
        """With the jobs that the engine left."""
        broken = Broken(tell)
        for job_id, (task, terms) in list(self._open.items()):
            broken.submit(job_id, task, terms)
        return broken

    def _turn(self, engine: Engine | Broken) -> None:
        """Obey and draw, until it is time to stop."""
        while True:
            self._beat = time.monotonic()
            self._counts = engine.running, engine.waiting
            while not self._commands.empty():
                self._commands.get()(engine)
            if self._stopping.is_set() and self._commands.empty():
                return
            if self._registry and self._tuning.idle_seconds is not None:
                self._registry.unload_idle(self._tuning.idle_seconds)
            if not engine.turn():
                self._await_command(engine)

    def _await_command(self, engine: Engine | Broken) -> None:
        try:
            command = self._commands.get(timeout=IDLE_BEAT_SECONDS)
        except queue.Empty:
            return
        command(engine)
