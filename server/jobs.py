"""Submit, wait, cancel, status: the one use case that every dialect calls, over a store that can be replaced."""

import asyncio
import math
import secrets
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

import structlog

from pipelines.engine.protocol import Terms, Worker
from pipelines.tasks import Facts, Raster, Task
from server.errors import JobUnknown, QueueFull, ServerStopping
from server.images import Encoding, Image
from server.prompts.blocklist import Blocklist

LONGEST_RETRY_SECONDS = 60  # the OpenAI clients obey Retry-After up to two minutes

log = structlog.get_logger()


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = frozenset({State.QUEUED, State.RUNNING})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: the code and the sentence of a DarkroomError."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Job:
    """A task that we owe to an account. Times are seconds since 1970; `step` of `steps` are done.

    facts: what the task was to say of its picture. preview: what the first picture looked like a while ago, where the
    terms ask for it.
    """

    id: str
    task: Task
    encoding: Encoding
    terms: Terms
    created: float
    state: State = State.QUEUED
    started: float | None = None
    ended: float | None = None
    step: int = 0
    steps: int = 0
    images: tuple[Image, ...] = ()
    facts: Facts | None = None
    failure: Failure | None = None
    preview: Raster | None = None

    @property
    def account(self) -> str:
        return self.terms.account

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    def seconds_left(self, now: float) -> float | None:
        """As the steps so far went; None before the first and after the last."""
        if self.state is not State.RUNNING or self.started is None or not self.step:
            return None
        return (now - self.started) / self.step * (self.steps - self.step)


class JobStore(Protocol):
    """Where jobs are kept."""

    async def add(self, job: Job, most_queued: int) -> bool:
        """Keep a new job, unless that many are queued already; True if it is kept. Atomic."""
        ...

    async def get(self, job_id: str) -> Job | None: ...

    async def replace(self, job: Job) -> None:
        """The new form of a job that is kept."""
        ...

    async def counts(self) -> dict[State, int]: ...

    async def open_by_model(self) -> dict[tuple[State, str | None], int]:
        """How many jobs have not ended, by state and model."""
        ...

    async def forget(self, before: float) -> None:
        """Drop the jobs that ended before a moment."""
        ...


class MemoryJobs:
    """A JobStore that ends with the process."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._counts: Counter[State] = Counter()

    async def add(self, job: Job, most_queued: int) -> bool:
        if self._counts[State.QUEUED] >= most_queued:
            return False
        self._jobs[job.id] = job
        self._counts[job.state] += 1
        return True

    async def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    async def replace(self, job: Job) -> None:
        self._counts[self._jobs[job.id].state] -= 1
        self._counts[job.state] += 1
        self._jobs[job.id] = job

    async def counts(self) -> dict[State, int]:
        return {state: self._counts[state] for state in State}

    async def open_by_model(self) -> dict[tuple[State, str | None], int]:
        return Counter((job.state, job.task.model) for job in self._jobs.values() if job.is_open)

    async def forget(self, before: float) -> None:
        over = [job.id for job in self._jobs.values() if job.ended is not None and job.ended < before]
        for job_id in over:
            self._counts[self._jobs.pop(job_id).state] -= 1


class Jobs:
    """All of it runs on the event loop; the runner alone calls `change`."""

    def __init__(
        self,
        store: JobStore,
        worker: Worker,
        *,
        max_queue: int,
        blocklist: Blocklist | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._worker = worker
        self._max_queue = max_queue
        self._blocklist = blocklist or Blocklist()
        self._clock = clock
        self._endings: dict[str, asyncio.Event] = {}
        self._usual_seconds = 1.0  # of one job, for Retry-After
        self.is_closed = False

    def close(self) -> None:
        """Take no more jobs: the server is about to stop. From any thread, and in a signal handler too."""
        self.is_closed = True

    async def submit(self, task: Task, encoding: Encoding, terms: Terms) -> Job:
        """Accept a task for terms.account and hand it to the worker.

        Raises PromptBlocked, QueueFull and, once closed, ServerStopping before anything is promised.
        """
        if self.is_closed:
            raise ServerStopping
        self._blocklist.check(task)
        job = Job(f"job_{secrets.token_urlsafe(16)}", task, encoding, terms, self._clock())
        if not await self._store.add(job, self._max_queue):
            wait = math.ceil(self._usual_seconds * self._max_queue / 2)
            raise QueueFull(retry_after=min(max(wait, 1), LONGEST_RETRY_SECONDS))
        self._endings[job.id] = asyncio.Event()
        self._worker.submit(job.id, task, terms)
        log.info("job_accepted", job=job.id, account=job.account, task=type(task).__name__, model=task.model)
        return job

    async def status(self, account: str, job_id: str) -> Job:
        """Raises JobUnknown, for the jobs of others too."""
        job = await self._store.get(job_id)
        if job is None or job.account != account:
            raise JobUnknown
        return job

    async def wait(self, job: Job, seconds: float) -> Job:
        """The job when it has ended, or as it is after so many seconds."""
        ending = self._endings.get(job.id)
        if ending is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), seconds)
        return await self._store.get(job.id) or job

    async def cancel(self, account: str, job_id: str) -> Job:
        """Ask the worker to stop before its next tick; a job that has ended stays as it is. Raises JobUnknown."""
        job = await self.status(account, job_id)
        if job.is_open:
            self._worker.cancel(job.id)
        return job

    async def change(self, job_id: str, **changes: Any) -> Job | None:
        """Apply what the worker told of an open job and wake whoever waits for its end; None if it is not open."""
        job = await self._store.get(job_id)
        if job is None or not job.is_open:
            return None
        job = replace(job, **changes)
        if not job.is_open:
            job = replace(job, ended=self._clock(), preview=None)
        await self._store.replace(job)
        if not job.is_open:
            self._note_end(job)
        return job

    async def counts(self) -> dict[State, int]:
        return await self._store.counts()

    async def open_by_model(self) -> dict[tuple[State, str | None], int]:
        return await self._store.open_by_model()

    async def forget(self, older_than_seconds: float) -> None:
        await self._store.forget(before=self._clock() - older_than_seconds)

    def now(self) -> float:
        return self._clock()

    def _note_end(self, job: Job) -> None:
        if job.started is not None and job.ended is not None and job.state is State.SUCCEEDED:
            self._usual_seconds += 0.2 * (job.ended - job.started - self._usual_seconds)
        ending = self._endings.pop(job.id, None)
        if ending is not None:
            ending.set()
