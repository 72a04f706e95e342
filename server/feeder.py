"""What stands between the queue in the database and the worker: claims jobs, hands over their tasks, keeps the leases.

A lease is renewed as long as this process lives. What an earlier process on the same data folder left behind is taken
up at once, what others left when their leases have run out.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from pipelines.engine.protocol import Worker
from pipelines.tasks import Task
from server.errors import TaskUnreadable
from server.store import claims, idempotency, jobs
from server.store.blobs import Blobs
from server.store.database import Database
from server.store.holder import Holder
from server.store.tasks import read_task
from server.store.words import Claim, Failure, Job

LEASE_SECONDS = 30.0
BEAT_SECONDS = 5.0  # between two renewals, and two looks at what other processes changed
STARTING_SECONDS = 0.2  # between two looks at a worker that is not ready to be given anything
LET_GO_SECONDS = 20.0  # in which a request may come again for a job that it left; clients wait for 8 s at most
MOST_HELD = 256  # as many as a queue usually has, so that the engine's turns see everybody who waits

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Held:
    """A job that the worker has."""

    claim: Claim
    job: Job
    task: Task


class Feeder:
    """Runs on the event loop, as does everybody who calls it."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        worker: Worker,
        holder: Holder,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._worker = worker
        self._holder = holder
        self._clock = clock
        self._claimed: list[Claim] = []  # and not handed over yet: the database may be lost on the way, and come back
        self._held: dict[str, Held] = {}
        self._news = asyncio.Event()
        self._is_stopping = False
        self._feeding: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._feeding = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Claim nothing more. What is held stays held: the worker may still end some of it."""
        self._is_stopping = True
        self._news.set()
        if self._feeding is not None:
            await self._feeding

    async def give_back(self) -> None:
        """Call when the worker has ended: what it did not end is queued again, for the next process."""
        await self._database.write(claims.give_back, self._holder.name, self._clock())
        self._held.clear()
        self._holder.leave()

    def wake(self) -> None:
        """There is something new in the queue."""
        self._news.set()

    @property
    def count(self) -> int:
        """How many the worker has."""
        return len(self._held)

    def held(self, job_id: str) -> Held | None:
        return self._held.get(job_id)

    def drop(self, job_id: str) -> None:
        """The worker has ended this one."""
        self._held.pop(job_id, None)
        self._news.set()

    async def _run(self) -> None:
        self._holder.appear()
        beat = time.monotonic()
        while not self._is_stopping:
            self._news.clear()
            is_starting = self._worker.health().state == "starting"
            try:
                if time.monotonic() >= beat:
                    beat = time.monotonic() + BEAT_SECONDS
                    await self._beat()
                if not is_starting:  # what fails while it starts is no job's fault, so nothing is claimed
                    await self._feed()
            except Exception:  # every job depends on this loop, and the database may be back soon
                log.exception("feeding_failed")
                await asyncio.sleep(STARTING_SECONDS)
            pause = STARTING_SECONDS if is_starting else max(0.0, beat - time.monotonic())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), pause)

    async def _beat(self) -> None:
        """Keep what is ours, stop what is so no more or is not wanted, and free what the dead and the lost held."""
        held, lease = [*self._held, *(claim.job_id for claim in self._claimed)], self._clock() + LEASE_SECONDS
        kept = await self._database.write_lightly(claims.renew, self._holder.name, held, lease)
        self._claimed = [claim for claim in self._claimed if claim.job_id in kept]
        for job_id in self._held.keys() & (set(held) - kept):
            log.warning("job_lost_to_another_server", job=job_id)
            self._worker.cancel(job_id)
            self.drop(job_id)
        now = self._clock()
        for job_id in await self._database.write(idempotency.abandon, now - LET_GO_SECONDS, now):
            log.info("job_let_go", job=job_id)
        await self._obey()
        dead = self._holder.dead()
        for job_id in await self._database.write(claims.recover, dead, self._clock()):
            log.error("job_abandoned", job=job_id)
        for name in dead:
            self._holder.bury(name)

    async def _feed(self) -> None:
        lease = self._clock() + LEASE_SECONDS
        self._claimed += await self._database.write_lightly(claims.claim, self._holder.name, MOST_HELD, lease)
        if not self._claimed:
            return
        while self._claimed:
            await self._hand_over(self._claimed[0])
            del self._claimed[0]
        await self._obey()  # who cancelled between the claim and now told the worker, which did not know the job

    async def _obey(self) -> None:
        for job_id in await self._database.read(claims.unwanted, self._holder.name):
            self._worker.cancel(job_id)

    async def _hand_over(self, claim: Claim) -> None:
        try:
            held = await asyncio.to_thread(self._read, claim)
        except TaskUnreadable as error:
            log.error("task_unreadable", job=claim.job_id)
            failure = Failure(error.code, error.sentence)
            await self._database.write(claims.fail, claim, self._clock(), failure)
            return
        self._held[claim.job_id] = held
        self._worker.submit(claim.job_id, held.task, held.job.terms)

    def _read(self, claim: Claim) -> Held:
        with self._database.look() as connection:
            job, written = jobs.get(connection, claim.job_id), jobs.task_of(connection, claim.job_id)
        if job is None or written is None:
            raise TaskUnreadable
        return Held(claim, job, read_task(*written, self._blobs))
