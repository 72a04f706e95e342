"""ProcessWorker: the engine in a child process, which may die while the server lives. The default on CUDA.

A CUDA error poisons its process for good, so the way out of every fault is the same: another child, and the jobs once
more. All that the worker knows is touched by one thread, which takes the news one by one: of callers, of the child.
"""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from pipelines.counters import Counters
from pipelines.engine.protocol import (
    Cancelled,
    Failed,
    Finished,
    Health,
    Listener,
    Previewed,
    Progressed,
    Started,
    Terms,
)
from pipelines.engine.spawn import Child
from pipelines.engine.wire import Begin, Cancel, Message, Submit, Wish
from pipelines.errors import WorkerLost
from pipelines.logs import Logs
from pipelines.tasks import Task
from pipelines.tuning import Tuning

log = structlog.get_logger("worker")

PULSE_SECONDS = 0.25  # between two looks at the clock
DEATHS_TO_BE_ALONE = 2  # of children that a job was running in; from then on it runs alone
DEATHS_TO_FAIL = 3


@dataclass(slots=True)
class Owed:
    """A job that has not ended. is_sent, is_running: in the present child. deaths: of children while it was running."""

    job_id: str
    task: Task
    terms: Terms
    is_sent: bool = False
    is_running: bool = False
    deaths: int = 0


class ProcessWorker:
    """See `protocol.Worker`. Its states:

    - starting: a child loads the default model; the first one, or one after a death
    - ready: a child draws
    - failed: children die again and again, and no job is drawn any more
    - stopped

    silence_seconds: without a beat, a tick's or an idle one, after which a child is killed. start_seconds: the same
    for a child that starts. stop_seconds: that a child has to end by itself. most_deaths: in a row, with no job
    finished in between and none of them put down to a job, after which there is no other child.
    """

    def __init__(
        self,
        models_file: Path,
        models_folder: Path,
        device: str = "auto",
        tuning: Tuning | None = None,
        *,
        logs: Logs = Logs(),  # noqa: B008  # it never changes
        silence_seconds: float = 180.0,
        start_seconds: float = 900.0,
        stop_seconds: float = 5.0,
        most_deaths: int = 5,
    ) -> None:
        self._begin = Begin(str(models_file), str(models_folder), device, tuning or Tuning(), logs)
        self._limits = {"starting": start_seconds, "ready": silence_seconds}
        self._stop_seconds = stop_seconds
        self._most_deaths = most_deaths
        self._news: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._tell: Listener = lambda event: None
        self._jobs: dict[str, Owed] = {}  # in the order in which they came
        self._child: Child | None = None
        self._deaths = 0
        self._state = "starting"
        self._beat = time.monotonic()
        self._device = device
        self._loaded: tuple[str, ...] = ()
        self._loading: tuple[str, ...] = ()
        self._not_loaded: tuple[tuple[str, str, str], ...] = ()
        self._counters = Counters(), Counters()  # of the children that are gone, and of the present one

    def start(self, listener: Listener) -> None:
        self._tell = listener
        self._thread = threading.Thread(target=self._supervise, name="darkroom-supervisor", daemon=True)
        self._thread.start()

    def submit(self, job_id: str, task: Task, terms: Terms) -> None:
        self._news.put(partial(self._accept, Owed(job_id, task, terms)))

    def cancel(self, job_id: str) -> None:
        self._news.put(partial(self._forget, job_id))

    def wish(self, model: str, *, loaded: bool) -> None:
        self._news.put(partial(self._pass_on, Wish(model, loaded)))

    def health(self) -> Health:
        jobs = list(self._jobs.values())
        running = sum(job.is_running for job in jobs)
        past, present = self._counters
        return Health(
            ready=self._state == "ready",
            state=self._state,
            device=self._device,
            seconds_since_beat=time.monotonic() - self._beat,
            loaded_models=self._loaded,
            running=running,
            waiting=len(jobs) - running,
            counters=past + present,
            loading=self._loading,
            not_loaded=self._not_loaded,
        )

    def stop(self) -> None:
        if self._thread is None:
            return
        self._news.put(self._stop)
        self._thread.join()

    def _supervise(self) -> None:
        """The one loop: take a piece of news, look at the clock, hand out what may be drawn."""
        try:
            self._replace_child()
            while self._state != "stopped":
                with suppress(queue.Empty):
                    self._news.get(timeout=PULSE_SECONDS)()
                self._check_pulse()
                self._hand_out()
        except Exception:  # whoever listens does not any more
            log.exception("worker_failed")
            self._state = "failed"
        finally:
            if self._child is not None:
                self._child.end(self._stop_seconds)

    def _accept(self, job: Owed) -> None:
        self._jobs[job.job_id] = job
        if self._state == "failed":
            self._fail(job, WorkerLost())

    def _forget(self, job_id: str) -> None:
        """The job is over for the caller at once; if the child still tells of it, nobody listens."""
        job = self._jobs.pop(job_id, None)
        if job is None:
            return
        if job.is_sent and self._child is not None:
            self._child.tell(Cancel(job_id))
        self._tell(Cancelled(job_id))

    def _pass_on(self, wish: Wish) -> None:
        if self._child is not None:
            self._child.tell(wish)

    def _hear(self, child: Child, message: Message | None) -> None:
        """What a child tells; None is its death. Those that were replaced tell nothing new."""
        if child is not self._child:
            return
        match message:
            case None:
                self._bury(child)
            case Health():
                self._note(message)
            case Started(job_id) | Progressed(job_id) | Previewed(job_id) if job_id in self._jobs:
                self._jobs[job_id].is_running = True
                self._tell(message)
            case Finished(job_id) | Failed(job_id) if job_id in self._jobs:
                del self._jobs[job_id]
                self._deaths = 0
                self._tell(message)

    def _note(self, health: Health) -> None:
        self._beat = time.monotonic() - health.seconds_since_beat
        self._device, self._loaded = health.device, health.loaded_models
        self._loading, self._not_loaded = health.loading, health.not_loaded
        self._counters = self._counters[0], health.counters
        if health.ready:
            self._state = "ready"

    def _check_pulse(self) -> None:
        """A child that hangs or was stopped shows no life, and gets no more time than its state allows."""
        if self._child is None:
            self._beat = time.monotonic()  # nobody to wait for
        elif time.monotonic() - self._beat > self._limits[self._state]:
            log.error("worker_silent", state=self._state)
            self._bury(self._child)

    def _hand_out(self) -> None:
        """Everything there is; but a job that was there when two children died runs alone, and comes first."""
        if self._child is None:
            return
        suspects = [job for job in self._jobs.values() if job.deaths >= DEATHS_TO_BE_ALONE]
        for job in suspects[:1] or self._jobs.values():
            if not job.is_sent:
                job.is_sent = True
                self._child.tell(Submit(job.job_id, job.task, job.terms))

    def _bury(self, child: Child) -> None:
        """Who was running has one attempt less; then another child, unless that has become pointless."""
        status = child.end(self._stop_seconds)
        log.error("worker_died", status=status, state=self._state, running=self.health().running)
        self._child, self._loaded, self._loading = None, (), ()
        self._counters = self._counters[0] + self._counters[1], Counters()
        given_up = [job for job in self._jobs.values() if job.is_running and job.deaths + 1 == DEATHS_TO_FAIL]
        for job in self._jobs.values():
            job.deaths += job.is_running
            job.is_sent = job.is_running = False
        for job in given_up:
            self._fail(job, WorkerLost("The drawing process was lost three times over this: ask for something else."))
        self._deaths += not given_up  # a job that nobody survives says nothing against the machine
        if self._deaths < self._most_deaths:
            self._replace_child()
        else:
            self._give_up()

    def _replace_child(self) -> None:
        self._state = "starting"
        self._beat = time.monotonic()
        try:
            self._child = Child(lambda child, message: self._news.put(partial(self._hear, child, message)))
        except OSError:
            log.exception("child_not_started")
            self._give_up()
        else:
            self._child.tell(self._begin)

    def _give_up(self) -> None:
        log.error("worker_failed", deaths=self._deaths)
        self._state = "failed"
        for job in list(self._jobs.values()):
            self._fail(job, WorkerLost())

    def _fail(self, job: Owed, error: WorkerLost) -> None:
        del self._jobs[job.job_id]
        self._tell(Failed(job.job_id, error.code, error.sentence))

    def _stop(self) -> None:
        self._state = "stopped"
        for job_id in list(self._jobs):
            self._forget(job_id)
        if self._child is not None:
            self._child.end(self._stop_seconds)
            self._child = None
