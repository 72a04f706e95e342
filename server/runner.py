"""The loop between the worker and the jobs: what the worker tells becomes states, and pictures become images."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from pipelines.engine.protocol import Cancelled, Event, Failed, Finished, Previewed, Progressed, Started, Worker
from pipelines.tasks import Facts, Picture
from server.errors import InternalError, StorageFailed
from server.images import Image, Images
from server.jobs import Failure, Job, Jobs, State
from server.metrics import Metrics

LONGEST_SWEEP_PAUSE_SECONDS = 60.0

log = structlog.get_logger()


class Runner:
    """Starts the worker, listens until it is stopped, and keeps the folder of images small."""

    def __init__(self, worker: Worker, jobs: Jobs, images: Images, metrics: Metrics, ttl_seconds: float) -> None:
        self._worker = worker
        self._jobs = jobs
        self._images = images
        self._metrics = metrics
        self._ttl = ttl_seconds
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._listening: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._keeping: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Call on the event loop; the worker's thread posts its events there."""
        loop = asyncio.get_running_loop()

        def post(event: Event) -> None:
            loop.call_soon_threadsafe(self._events.put_nowait, event)

        self._worker.start(post)
        self._listening = asyncio.create_task(self._listen())
        self._sweeping = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """End the worker, then finish what it told last."""
        await asyncio.to_thread(self._worker.stop)
        self._events.put_nowait(None)
        if self._sweeping is not None:
            self._sweeping.cancel()
        if self._listening is not None:
            await self._listening
        await asyncio.gather(*self._keeping)

    async def _listen(self) -> None:
        while (event := await self._events.get()) is not None:
            await self._survive(self._apply(event))

    async def _apply(self, event: Event) -> None:
        match event:
            case Started(job_id):
                job = await self._jobs.change(job_id, state=State.RUNNING, started=self._jobs.now())
                if job is not None:
                    self._metrics.wait_seconds.observe(self._jobs.now() - job.created)
            case Progressed(job_id, step, steps):
                await self._jobs.change(job_id, step=step, steps=steps)
            case Previewed(job_id, preview):
                await self._jobs.change(job_id, preview=preview)
            case Finished(job_id, pictures, facts):
                # In a task of its own: encoding one job's pictures must not hold up the news of the others.
                task = asyncio.create_task(self._survive(self._keep(job_id, pictures, facts)))
                self._keeping.add(task)
                task.add_done_callback(self._keeping.discard)
            case Failed(job_id, code, sentence):
                await self._end(job_id, State.FAILED, failure=Failure(code, sentence))
            case Cancelled(job_id):
                await self._end(job_id, State.CANCELLED)

    async def _keep(self, job_id: str, pictures: tuple[Picture, ...], facts: Facts | None) -> None:
        job = await self._jobs.change(job_id)
        if job is None:
            return
        drawn = self._jobs.now()
        try:
            images = [await self._images.save(picture, job.account, job.encoding, job.task) for picture in pictures]
        except Exception as error:
            log.exception("images_not_stored", job=job_id)
            told = StorageFailed() if isinstance(error, OSError) else InternalError()
            await self._end(job_id, State.FAILED, failure=Failure(told.code, told.sentence))
            return
        if job.started is not None:
            self._metrics.draw_seconds.observe(drawn - job.started)
        await self._end(job_id, State.SUCCEEDED, images=tuple(images), facts=facts)

    async def _end(
        self,
        job_id: str,
        state: State,
        *,
        images: tuple[Image, ...] = (),
        facts: Facts | None = None,
        failure: Failure | None = None,
    ) -> Job | None:
        job = await self._jobs.change(job_id, state=state, images=images, facts=facts, failure=failure)
        if job is not None:
            self._metrics.ended_jobs.labels(state.value, failure.code if failure else "").inc()
            log.info("job_ended", job=job_id, state=state.value, images=len(images), code=failure and failure.code)
        return job

    async def _sweep(self) -> None:
        while True:
            await self._survive(self._images.sweep())
            await self._survive(self._jobs.forget(self._ttl))
            await asyncio.sleep(min(LONGEST_SWEEP_PAUSE_SECONDS, self._ttl))

    async def _survive(self, step: Coroutine[Any, Any, object]) -> None:
        """One step that goes wrong must not end the loop: every later job depends on it."""
        try:
            await step
        except Exception:
            log.exception("runner_step_failed")
