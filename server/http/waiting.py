"""A request that waits for its job, and lets go of the job when the client has gone."""

import asyncio
from collections.abc import Sequence

from fastapi import Request

from pipelines.engine.protocol import Terms
from pipelines.tasks import Task
from server.errors import ClientGone, JobCancelled, JobFailed, JobTooSlow
from server.http.parts import Parts
from server.images import Caption, Encoding, Image
from server.jobs import Beside, Job, Jobs, Origin, State


async def draw(
    request: Request,
    parts: Parts,
    task: Task,
    encoding: Encoding,
    terms: Terms,
    *,
    detach: bool = False,
    origin: Origin | None = None,
    caption: Caption | None = None,
    beside: Sequence[Beside] = (),
) -> tuple[Image, ...]:
    """The images of a task, while the client waits. detach: the job goes on although nobody waits any more.

    beside: see Jobs.submit.

    Raises QueueFull, JobFailed, JobCancelled, JobTooSlow (then the job is cancelled) and ClientGone (likewise).
    """
    job = await parts.jobs.submit(task, encoding, terms, origin, caption, beside)
    job = await watch(request, parts.jobs, job, parts.settings.request_seconds, detach=detach)
    if job.is_open:
        if not detach:
            await parts.jobs.cancel(job.account, job.id)
        raise JobTooSlow
    return images_of(job)


def images_of(job: Job) -> tuple[Image, ...]:
    """The images of a job that has ended; raises what it ended with instead."""
    if job.failure is not None:
        raise JobFailed(job.failure.code, job.failure.sentence)
    if job.state is State.CANCELLED:
        raise JobCancelled
    return job.images


async def watch(request: Request, jobs: Jobs, job: Job, seconds: float, *, detach: bool = False) -> Job:
    """The job when it has ended, or as it is after so many seconds.

    If the client leaves, raises ClientGone, and cancels the job unless `detach` says that it goes on. So also when
    the server stops: the request's own cancellation passes through here.
    """
    waiting = asyncio.create_task(jobs.wait(job, seconds))
    leaving = asyncio.create_task(_client_leaves(request))
    try:
        await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        raise ClientGone
    except (asyncio.CancelledError, ClientGone):
        if not detach:
            await jobs.cancel(job.account, job.id)
        raise
    finally:
        waiting.cancel()
        leaving.cancel()


async def _client_leaves(request: Request) -> None:
    """Returns when the connection closes; the body has been read, so nothing else is left to receive."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
