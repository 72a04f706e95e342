"""Submit, wait, cancel, list: the one use case that every dialect calls. What is promised is in the database."""

import asyncio
import math
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary, WeakValueDictionary

import structlog

from pipelines.engine.protocol import Terms, Worker
from pipelines.tasks import Raster, Task
from server.errors import AnswerGone, JobUnknown, QueueFull, ServerStopping, StorageFailed, StreamsFull
from server.feeder import Feeder
from server.images import Images
from server.pace import Pace
from server.prompts.blocklist import Blocklist
from server.store import accepting, idempotency, retention
from server.store import jobs as rows
from server.store.accepting import Beside, Toll
from server.store.audit import note, noted
from server.store.blobs import Blobs
from server.store.database import Database
from server.store.tasks import kind_of, write_task
from server.store.words import OPEN, Call, Caption, Encoding, Failure, Job, Origin, State, Wanted

__all__ = ["OPEN", "Failure", "Job", "Jobs", "Origin", "Progress", "State", "Wanted"]

LONGEST_RETRY_SECONDS = 60  # the OpenAI clients obey Retry-After up to two minutes
FREE = Toll()
LOOK_SECONDS = 2.0  # between two looks at a job that is waited for: another process may have ended it
KEPT_SECONDS = 86_400.0  # how long an Idempotency-Key is known
MOST_FOLLOWED = 32  # jobs of one account at once

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
        kept_seconds: float = KEPT_SECONDS,
        audit_prompts: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._worker = worker
        self._feeder = feeder
        self._max_queue = max_queue
        self._blocklist = blocklist or Blocklist()
        self._images = images
        self._kept_seconds = kept_seconds
        self._audit_prompts = audit_prompts
        self._clock = clock
        self._progress: dict[str, Progress] = {}
        self._endings: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()  # while somebody waits for them
        self._news: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()  # likewise; each is set once
        self._followers: WeakKeyDictionary[AsyncGenerator[Job], str] = WeakKeyDictionary()  # with their accounts
        self._pace = Pace()
        self.is_closed = False
        self._is_leaving = False

    def close(self) -> None:
        """Take no more jobs: the server is about to stop. From any thread, and in a signal handler too."""
        self.is_closed = True

    def leave(self) -> None:
        """The server stops now: nobody is told of news any more."""
        self._is_leaving = True
        for job_id in list(self._news):
            self._tell_news(job_id)

    async def submit(
        self,
        task: Task,
        encoding: Encoding,
        terms: Terms,
        origin: Origin | None = None,
        caption: Caption | None = None,
        call: Call | None = None,
        toll: Toll = FREE,
        beside: Sequence[Beside] = (),
    ) -> Job:
        """Accept a task for terms.account, which is drawn whatever happens to this process; or the job that the
        request got when it was sent before.

        beside: steps that are done if the job is accepted, in the same transaction. Raises IdempotencyKeyReused and
        AnswerGone; PromptBlocked, StorageLimitReached, QueueFull, RateLimited, CreditsShort, StorageFailed and
        DatabaseLost before anything is promised, and, once closed, ServerStopping.
        """
        call = call or Call()
        if (known := await self._known(terms.account, call)) is not None:
            return await self._answer(known)
        if self.is_closed:
            raise ServerStopping
        self._blocklist.check(task)
        if self._images is not None:
            await self._images.check_room(terms.account)
        name, now, said = f"job_{secrets.token_urlsafe(16)}", self._clock(), caption or Caption()
        job = Job(name, task.model, encoding, terms, now, origin=origin or Origin(), caption=said)
        job = replace(job, kind=kind_of(task), request=call.request)
        # Asked first without a promise, so that what will be refused leaves no pictures on the disk.
        has_room = await self._database.read(accepting.foresee, job.account, self._max_queue, toll, now)
        kept = await self._put(job, task, call, toll, beside) if has_room else None
        if kept is None:
            wait = math.ceil(self._pace.seconds_for(self._max_queue / 2) or 1)
            raise QueueFull(retry_after=min(max(wait, 1), LONGEST_RETRY_SECONDS))
        if kept != job.id:
            return await self._answer(kept)
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
        self,
        account: str,
        most: int,
        wanted: Wanted | None = None,
        *,
        after: tuple[float, str] | None = None,
        offset: int = 0,
    ) -> list[Job]:
        """The newest first; after: `created` and `id` of the last one of the page before."""
        jobs = await self._database.read(rows.page, account, most, wanted, after=after, offset=offset)
        return [self._with_progress(job) for job in jobs]

    async def count(self, account: str, wanted: Wanted | None = None) -> int:
        """How many there are on all pages together."""
        return await self._database.read(rows.count, account, wanted)

    async def wait(self, job: Job, seconds: float) -> Job:
        """The job when it has ended, or as it is after so many seconds."""
        until = time.monotonic() + seconds
        ending = self._endings.setdefault(job.id, asyncio.Event())
        while (now := await self._find(job.id) or job).is_open and (left := until - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), min(left, LOOK_SECONDS))
        return now

    def follow(self, job: Job) -> AsyncGenerator[Job]:
        """The job, again and again, at once when there is news of it and now and then in any case; last as it ended.

        It ends early when the job is deleted, or the server stops. Raises StreamsFull.
        """
        if list(self._followers.values()).count(job.account) >= MOST_FOLLOWED:
            raise StreamsFull(MOST_FOLLOWED)
        following = self._follow(job.id)
        self._followers[following] = job.account
        return following

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

    async def let_go(self, job: Job, tries: int | None) -> None:
        """Nobody waits for it any more, at the so many-th try of its request: it is cancelled, now, or a while later
        where the request may come again; with an Idempotency-Key it goes on.
        """
        if not await self._database.write(idempotency.let_go, job.id, tries or 0, self._clock()):
            with suppress(JobUnknown):
                await self.cancel(job.account, job.id)

    async def delete(self, account: str, job_id: str, *, for_good: bool = False) -> Job:
        """Nobody finds a job any more that has ended, nor its images; one that has not is only cancelled.

        for_good: the rows go at once, and the files soon, instead of when purged. Raises JobUnknown.
        """
        job = await self.status(account, job_id)
        if job.is_open:
            return await self.cancel(account, job_id)
        now = self._clock()
        if for_good:
            await self._database.write(noted(rows.remove_for_good, "job_deleted", job_id, for_good=True), job_id)
        else:
            await self._database.write(noted(rows.remove, "job_deleted", job_id), job_id, now)
        return replace(job, images=(), deleted=now)

    @property
    def here(self) -> int:
        """How many jobs the worker of this process has been given."""
        return self._feeder.count

    async def open_by_model(self) -> dict[tuple[State, str | None], int]:
        """How many jobs have not ended, by state and model."""
        return await self._database.read(rows.open_by_model)

    async def usual_seconds(self) -> dict[str, float]:
        """How long drawing took on average lately, from the first tick to the end, by model."""
        return await self._database.read(rows.usual_seconds)

    async def queue_seconds(self) -> float | None:
        """How long those that are queued now will take to be begun; None where nobody knows."""
        counts = await self.open_by_model()
        queued = sum(count for (state, _), count in counts.items() if state is State.QUEUED)
        return self._pace.seconds_for(queued) if queued else 0.0

    async def forget(self, older_than_seconds: float, purge_seconds: float) -> None:
        """Jobs that ended so long ago are not found any more, and their rows are gone so long after that."""
        times = self._clock(), older_than_seconds, purge_seconds, self._kept_seconds
        await self._database.write(retention.drop_jobs, *times)

    def now(self) -> float:
        return self._clock()

    def progress(self, job_id: str) -> Progress:
        return self._progress.get(job_id, Progress())

    def note(self, job_id: str, progress: Progress) -> None:
        self._progress[job_id] = progress
        self._tell_news(job_id)

    def note_end(self, job_id: str, seconds: float | None = None) -> None:
        """Wake whoever waits for it. seconds: that it took to draw."""
        self._progress.pop(job_id, None)
        if seconds is not None:
            self._pace.note_end(seconds)
        if (ending := self._endings.get(job_id)) is not None:
            ending.set()
        self._tell_news(job_id)

    def _tell_news(self, job_id: str) -> None:
        if (news := self._news.pop(job_id, None)) is not None:
            news.set()

    async def _known(self, account: str, call: Call) -> str | None:
        """The job that the request got when it was sent before."""
        if call.key is None and not call.tries:
            return None
        return await self._database.write(idempotency.find, account, call, self._clock(), self._kept_seconds)

    async def _answer(self, job_id: str) -> Job:
        if (job := await self._find(job_id)) is None:
            raise AnswerGone
        return job

    async def _follow(self, job_id: str) -> AsyncGenerator[Job]:
        while True:
            news = self._news.setdefault(job_id, asyncio.Event())  # from before the look, so that none is missed
            job = await self._find(job_id)
            if job is None or self._is_leaving:
                return
            yield job
            if not job.is_open:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), LOOK_SECONDS)

    async def _put(self, job: Job, task: Task, call: Call, toll: Toll, beside: Sequence[Beside]) -> str | None:
        try:
            written = await asyncio.to_thread(write_task, task, self._blobs)
        except OSError as error:
            raise StorageFailed from error
        known, beside = (call, self._kept_seconds), (*beside, self._noting(job, task))
        return await self._database.write(accepting.accept, job, *written, self._max_queue, *known, toll, beside)

    def _noting(self, job: Job, task: Task) -> Beside:
        said = {"api": job.origin.api, "model": job.model, "kind": job.kind}
        if self._audit_prompts:
            said["prompt"] = getattr(task, "prompt", None)
        return lambda connection, job_id: note(connection, "job_accepted", job_id, **said)

    async def _find(self, job_id: str) -> Job | None:
        job = await self._database.read(rows.get, job_id)
        return job and self._with_progress(job)

    def _with_progress(self, job: Job) -> Job:
        if job.place is not None:
            return replace(job, wait_seconds=self._pace.seconds_for(job.place))
        now = self._progress.get(job.id) if job.is_open else None
        return replace(job, step=now.step, steps=now.steps, preview=now.preview) if now else job
