"""The loop between the worker and the database: what the worker tells becomes states, and pictures become images."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import structlog

from pipelines.engine.protocol import Cancelled, Event, Failed, Finished, Previewed, Progressed, Started, Worker
from pipelines.tasks import Facts, Picture
from server.errors import InternalError, StorageFailed
from server.feeder import Feeder, Held
from server.images import Images
from server.jobs import Jobs, Progress
from server.metrics import Metrics
from server.outbox import Outbox
from server.store import claims
from server.store.database import Database
from server.store.words import Failure, State

LONGEST_SWEEP_PAUSE_SECONDS = 60.0

log = structlog.get_logger()


class Runner:
    """Starts worker and feeder, listens until it is stopped, and keeps the store small."""

    def __init__(
        self,
        worker: Worker,
        feeder: Feeder,
        database: Database,
        jobs: Jobs,
        images: Images,
        metrics: Metrics,
        outbox: Outbox,
        ttl_seconds: float,
        purge_seconds: float,
    ) -> None:
        self._worker = worker
        self._feeder = feeder
        self._database = database
        self._jobs = jobs
        self._images = images
        self._metrics = metrics
        self._outbox = outbox
        self._ttl = ttl_seconds
        self._purge = purge_seconds
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._stopping = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._keeping: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Call on the event loop; the worker's thread posts its events there."""
        loop = asyncio.get_running_loop()

        def post(event: Event) -> None:
            loop.call_soon_threadsafe(self._events.put_nowait, event)

        self._worker.start(post)
        self._feeder.start()
        self._loops = [asyncio.create_task(self._listen()), asyncio.create_task(self._sweep())]

    async def stop(self) -> None:
        """End the worker, finish what it told last, and give back what it did not end."""
        self._stopping.set()
        await self._feeder.stop()
        await asyncio.to_thread(self._worker.stop)
        self._events.put_nowait(None)
        await asyncio.gather(*self._loops)
        await asyncio.gather(*self._keeping)
        await self._survive(self._feeder.give_back())

    async def _listen(self) -> None:
        while (event := await self._events.get()) is not None:
            held = self._feeder.held(event.job_id)
            if held is not None:
                await self._survive(self._apply(event, held))

    async def _apply(self, event: Event, held: Held) -> None:
        match event:
            case Started(job_id):
                now = self._jobs.now()
                self._jobs.note(job_id, Progress(started=now))
                if await self._database.write_lightly(claims.start, held.claim, now):
                    self._metrics.wait_seconds.observe(now - held.job.created)
            case Progressed(job_id, step, steps):
                self._jobs.note(job_id, replace(self._jobs.progress(job_id), step=step, steps=steps))
            case Previewed(job_id, preview):
                self._jobs.note(job_id, replace(self._jobs.progress(job_id), preview=preview))
            case Finished(job_id, pictures, facts):
                # In a task of its own: encoding one job's pictures must not hold up the news of the others.
                task = asyncio.create_task(self._survive(self._keep(held, pictures, facts)))
                self._keeping.add(task)
                task.add_done_callback(self._keeping.discard)
            case Failed(_, code, sentence):
                await self._fail(held, Failure(code, sentence))
            case Cancelled():
                await self._give_back(held)

    async def _keep(self, held: Held, pictures: tuple[Picture, ...], facts: Facts | None) -> None:
        job, progress = held.job, self._jobs.progress(held.job.id)
        seconds = None if progress.started is None else self._jobs.now() - progress.started
        try:
            images = [await self._images.store_drawn(picture, job, held.task, seconds) for picture in pictures]
        except Exception as error:
            log.exception("images_not_stored", job=job.id)
            told = StorageFailed() if isinstance(error, OSError) else InternalError()
            await self._fail(held, Failure(told.code, told.sentence))
            return
        with self._over(held, seconds):
            now = self._jobs.now()
            written = await self._database.write(claims.succeed, held.claim, now, images, facts, progress.steps)
        if written:
            self._tell(held, State.SUCCEEDED, images=len(images))
            if seconds is not None:
                self._metrics.draw_seconds.observe(seconds)

    async def _fail(self, held: Held, failure: Failure) -> None:
        with self._over(held):
            written = await self._database.write(claims.fail, held.claim, self._jobs.now(), failure)
        if written:
            self._tell(held, State.FAILED, code=failure.code)

    async def _give_back(self, held: Held) -> None:
        """A worker cancels what somebody cancelled, and when it is stopped whatever is left, which is still owed."""
        with self._over(held):
            mine = held.claim.holder, self._jobs.now(), held.job.id
            cancelled = await self._database.write(claims.give_back, *mine)
        if cancelled:
            self._tell(held, State.CANCELLED)

    @contextmanager
    def _over(self, held: Held, seconds: float | None = None) -> Iterator[None]:
        """Where the end cannot be written down, the lease runs out and the job is drawn again."""
        try:
            yield
        finally:
            self._feeder.drop(held.job.id)
            self._jobs.note_end(held.job.id, seconds)
            self._outbox.wake()

    def _tell(self, held: Held, state: State, code: str = "", images: int = 0) -> None:
        self._metrics.ended_jobs.labels(state.value, code).inc()
        job = held.job
        log.info("job_ended", job=job.id, request=job.request, state=state.value, images=images, code=code or None)

    async def _sweep(self) -> None:
        while not self._stopping.is_set():
            await self._survive(self._images.sweep())
            await self._survive(self._jobs.forget(self._ttl, self._purge))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(LONGEST_SWEEP_PAUSE_SECONDS, self._ttl))

    async def _survive(self, step: Coroutine[Any, Any, object]) -> None:
        """One step that goes wrong must not end the loop: every later job depends on it."""
        try:
            await step
        except Exception:
            log.exception("runner_step_failed")
