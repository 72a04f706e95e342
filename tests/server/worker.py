"""A worker without a model: a real thread that draws flat colours from seeds, step by step, and can be held there."""

import hashlib
import threading
from collections import deque
from time import monotonic

from pipelines.engine.protocol import Cancelled, Event, Failed, Finished, Health, Listener, Progressed, Started, Terms
from pipelines.tasks import Drawing, Picture, Processing, Task


def flat_colour(seed: int) -> bytes:
    """The RGB that a seed stands for."""
    return hashlib.sha256(str(seed).encode()).digest()[:3]


class StepWorker:
    """The Worker protocol, whole. `hold` stops it before its next step; `failing` makes the jobs that follow fail."""

    def __init__(self, *, state: str = "ready") -> None:
        self.state = state
        self.failing: tuple[str, str] | None = None
        self.silent_seconds: float | None = None
        self.steps_drawn = 0
        self._waiting: deque[tuple[str, Task]] = deque()
        self._running: str | None = None
        self._cancelled: set[str] = set()
        self.tasks: list[Task] = []
        self.terms: list[Terms] = []
        self.wishes: list[tuple[str, bool]] = []
        self._listener: Listener | None = None
        self._news = threading.Condition()
        self._is_held = False
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._beat = monotonic()

    def start(self, listener: Listener) -> None:
        self._listener = listener
        self._thread = threading.Thread(target=self._run, args=(listener,), name="step-worker")
        self._thread.start()

    def submit(self, job_id: str, task: Task, terms: Terms) -> None:
        self.tasks.append(task)
        self.terms.append(terms)
        with self._news:
            self._waiting.append((job_id, task))
            self._news.notify_all()

    def tell(self, event: Event) -> None:
        """Say something out of turn."""
        assert self._listener is not None
        self._listener(event)

    def cancel(self, job_id: str) -> None:
        with self._news:
            self._cancelled.add(job_id)
            self._news.notify_all()

    def wish(self, model: str, *, loaded: bool) -> None:
        self.wishes.append((model, loaded))

    def health(self) -> Health:
        """Idle, it has just shown life, as the engine does that turns without work too."""
        running = int(self._running is not None)
        since = self.silent_seconds if self.silent_seconds is not None else running * (monotonic() - self._beat)
        return Health(self.state == "ready", self.state, "cpu", since, ("flat",), running, len(self._waiting))

    def stop(self) -> None:
        with self._news:
            self._is_stopping = True
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join()
        self.state = "stopped"

    def hold(self) -> None:
        with self._news:
            self._is_held = True

    def let_go(self) -> None:
        with self._news:
            self._is_held = False
            self._news.notify_all()

    def await_running(self) -> None:
        """Returns when a job has started and nothing else has to happen first."""
        with self._news:
            assert self._news.wait_for(lambda: self._running is not None, timeout=30)

    def await_idle(self) -> None:
        with self._news:
            assert self._news.wait_for(lambda: self._running is None and not self._waiting, timeout=30)

    def _run(self, listener: Listener) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: bool(self._waiting and self.state == "ready") or self._is_stopping)
                self._beat = monotonic()
                if self._is_stopping and not self._waiting:
                    return
                job_id, task = self._waiting.popleft()
                self._running = job_id
                self._news.notify_all()
            listener(Started(job_id))
            listener(self._drawn(job_id, task, listener))
            with self._news:
                self._running = None
                self._news.notify_all()

    def _drawn(self, job_id: str, task: Task, listener: Listener) -> Finished | Failed | Cancelled:
        steps = task.steps if isinstance(task, Drawing) else 1
        for step in range(steps):
            with self._news:
                gone = self._is_stopping or job_id in self._cancelled
                while self._is_held and not gone:
                    self._news.wait()
                    gone = self._is_stopping or job_id in self._cancelled
                if gone:
                    return Cancelled(job_id)
                self._beat = monotonic()
                self.steps_drawn += 1
            listener(Progressed(job_id, step + 1, steps))
        if self.failing is not None:
            return Failed(job_id, *self.failing)
        if not isinstance(task, Drawing):
            return Finished(job_id, (self._as_it_was(task),))
        return Finished(job_id, tuple(self._picture(task, task.seed + index) for index in range(task.count)))

    def _as_it_was(self, task: Processing) -> Picture:
        """Of whatever is to be done with a picture; with the seed by which it is drawn over, if it is."""
        sides, over = (task.image.width, task.image.height), getattr(task, "over", None)
        return Picture(*sides, task.image.pixels, over and over.seed, sides, task.model)

    def _picture(self, task: Drawing, seed: int) -> Picture:
        pixels = flat_colour(seed) * (task.width * task.height)
        return Picture(task.width, task.height, pixels, seed, (task.width, task.height), task.model)
