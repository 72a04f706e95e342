"""Submit, wait, cancel, list: the one use case that every dialect calls. What is promised is in the database."""

import asyncio
import math
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

import structlog
from sqlalchemy import Connection

from pipelines.engine.protocol import Terms, Worker
from pipelines.tasks import Raster, Task
from server.errors import JobUnknown, QueueFull, ServerStopping, StorageFailed
from server.feeder import Feeder
from server.images import Images
from server.prompts.blocklist import Blocklist
from server.store import jobs as rows
from server.store.blobs import Blobs
from server.store.database import Database
from server.store.tasks import write_task
from server.store.words import OPEN, Caption, Encoding, Failure, Job, Origin, State

__all__ = ["OPEN", "Failure", "Job", "Jobs", "Origin", "Progress", "State"]

LONGEST_RETRY_SECONDS = 60  # the OpenAI clients obey Retry-After up to two minutes
LOOK_SECONDS = 2.0  # between two looks at a job that is waited for: another process may have ended it

# A step of the transaction that accepts a job, with the job's id.
Beside = Callable[[Connection, str], object]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job of this process is. Nobody is promised it, so it is not written down."""

    started: float | None = None
    step: int = 0
    steps: int = 0
    preview: Raster | None = None


class Jobs:
    """All of it runs on the event loop; the runner alone calls `note` and `note_end`."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        worker: Worker,
        feeder: Feeder,
        *,
        max_queue: int,
        blocklist: Blocklist | None = None,
        images: Images | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._worker = worker
        self._feeder = feeder
        self._max_queue = max_queue
        self._blocklist = blocklist or Blocklist()
        self._images = images
        self._clock = clock
        self._progress: dict[str, Progress] = {}
        self._endings: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()  # while somebody waits for them
        self._usual_seconds = 1.0  # of one job, for Retry-After
        self.is_closed = False

    def close(self) -> None:
        """Take no more jobs: the server is about to stop. From any thread, and in a signal handler too."""
        self.is_closed = True

    async def submit(
        self,
        task: Task,
        encoding: Encoding,
        terms: Terms,
        origin: Origin | None = None,
        caption: Caption | None = None,
        beside: Sequence[Beside] = (),
    ) -> Job:
        """Accept a task for terms.account; it is drawn whatever happens to this process.

        beside: steps that are done if the job is accepted, in the same transaction.

        Raises PromptBlocked, StorageLimitReached, QueueFull, StorageFailed and DatabaseLost before anything is
        promised, and, once closed, ServerStopping.
        """
        if self.is_closed:
            raise ServerStopping
        self._blocklist.check(task)
        if self._images is not None:
            await self._images.check_room(terms.account)
        name, now, said = f"job_{secrets.token_urlsafe(16)}", self._clock(), caption or Caption()
        job = Job(name, task.model, encoding, terms, now, origin=origin or Origin(), caption=said)
        # Asked first without a promise, so that what will be refused leaves no pictures on the disk.
        if await self._database.read(rows.is_full, self._max_queue) or not await self._put(job, task, beside):
            wait = math.ceil(self._usual_seconds * self._max_queue / 2)
            raise QueueFull(retry_after=min(max(wait, 1), LONGEST_RETRY_SECONDS))
        self._feeder.wake()
        log.info("job_accepted", job=job.id, account=job.account, task=type(task).__name__, model=task.model)
        return job

    async def status(self, account: str, job_id: str) -> Job:
        """Raises JobUnknown, for the jobs of others too."""
        job = await self._find(job_id)
        if job is None or job.account != account:
            raise JobUnknown
        return job

    async def page(
        self, account: str, most: int, after: tuple[float, str] | None = None, state: State | None = None
    ) -> list[Job]:
        """The newest first; after: `created` and `id` of the last one of the page before."""
        jobs = await self._database.read(rows.page, account, most, after=after, state=state)
        return [self._with_progress(job) for job in jobs]

    async def wait(self, job: Job, seconds: float) -> Job:
        """The job when it has ended, or as it is after so many seconds."""
        until = time.monotonic() + seconds
        ending = self._endings.setdefault(job.id, asyncio.Event())
        while (now := await self._find(job.id) or job).is_open and (left := until - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), min(left, LOOK_SECONDS))
        return now

    async def cancel(self, account: str, job_id: str) -> Job:
        """Ask the worker to stop before its next tick; a job that has ended stays as it is. Raises JobUnknown."""
        job = await self.status(account, job_id)
        if job.is_open:
            await self._database.write(rows.cancel, job_id, self._clock())
            self._worker.cancel(job_id)
            job = await self.status(account, job_id)
            if not job.is_open:
                self.note_end(job_id)
        return job

    @property
    def here(self) -> int:
        """How many jobs the worker of this process has been given."""
        return self._feeder.count

    async def open_by_model(self) -> dict[tuple[State, str | None], int]:
        """How many jobs have not ended, by state and model."""
        return await self._database.read(rows.open_by_model)

    async def forget(self, older_than_seconds: float, purge_seconds: float) -> None:
        """Jobs that ended so long ago are not found any more, and their rows are gone so long after that."""
        now = self._clock()
        await self._database.write(rows.forget, now - older_than_seconds, now)
        await self._database.write(rows.purge, now - purge_seconds)

    def now(self) -> float:
        return self._clock()

    def progress(self, job_id: str) -> Progress:
        return self._progress.get(job_id, Progress())

    def note(self, job_id: str, progress: Progress) -> None:
        self._progress[job_id] = progress

    def note_end(self, job_id: str, seconds: float | None = None) -> None:
        """Wake whoever waits for it. seconds: that it took to draw."""
        self._progress.pop(job_id, None)
        if seconds is not None:
            self._usual_seconds += 0.2 * (seconds - self._usual_seconds)
        if (ending := self._endings.get(job_id)) is not None:
            ending.set()

    async def _put(self, job: Job, task: Task, beside: Sequence[Beside]) -> bool:
        try:
            written = await asyncio.to_thread(write_task, task, self._blobs)
        except OSError as error:
            raise StorageFailed from error
        return await self._database.write(_put_with, beside, job, *written, self._max_queue)

    async def _find(self, job_id: str) -> Job | None:
        job = await self._database.read(rows.get, job_id)
        return job and self._with_progress(job)

    def _with_progress(self, job: Job) -> Job:
        now = self._progress.get(job.id) if job.is_open else None
        return replace(job, step=now.step, steps=now.steps, preview=now.preview) if now else job


def _put_with(
    connection: Connection, beside: Sequence[Beside], job: Job, task: str, pixels: str | None, most_queued: int
) -> bool:
    if not rows.put(connection, job, task, pixels, most_queued):
        return False
    for step in beside:
        step(connection, job.id)
    return True
