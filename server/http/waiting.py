"""The job of a request, and a request that waits for its job, and lets go of it when the client has gone."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from anyio import CancelScope
from fastapi import Request

from pipelines.catalog import Resolution
from pipelines.engine.protocol import Terms
from pipelines.errors import DarkroomError
from pipelines.tasks import Facts, Task
from server.errors import AnswerGone, ClientGone, JobCancelled, JobFailed, JobTooSlow, ServerStopping, StreamsFull
from server.http.allowed import check_models
from server.http.calls import call_of, tries_of
from server.http.counting import toll_of
from server.http.parts import Parts
from server.images import Caption, Encoding, Image
from server.jobs import Job, Jobs, Origin, State
from server.store.accepting import Beside


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

    beside: see Jobs.submit. They are those of an earlier request, with its seeds and in its encoding, where this one is
    sent again. Raises what `submit` raises, JobFailed, JobCancelled, JobTooSlow (then the job is let go of, unless
    detached), ClientGone (likewise), AnswerGone.
    """
    job = await submit(request, parts, task, encoding, terms, origin, caption, beside)
    return images_of(await _ended(request, parts, job, detach=detach))


async def facts(request: Request, parts: Parts, task: Task, terms: Terms, *, origin: Origin | None = None) -> Facts:
    """What a task says of its picture, while the client waits. Raises what `draw` raises."""
    job = await submit(request, parts, task, Encoding(), terms, origin)
    job = await _ended(request, parts, job)
    _check_success(job)
    if job.facts is None:
        raise AnswerGone
    return job.facts


async def _ended(request: Request, parts: Parts, job: Job, *, detach: bool = False) -> Job:
    job = await watch(request, parts.jobs, job, parts.settings.request_seconds, detach=detach)
    if job.is_open:
        if not detach:
            await parts.jobs.let_go(job, tries_of(request))
        raise JobTooSlow(job.id if detach else None, parts.settings.request_seconds)
    return job


async def submit(
    request: Request,
    parts: Parts,
    task: Task,
    encoding: Encoding,
    terms: Terms,
    origin: Origin | None = None,
    caption: Caption | None = None,
    beside: Sequence[Beside] = (),
    resolution: Resolution | None = None,
) -> Job:
    """The job of a request: a new one, or the one that it got when it was sent before.

    Every door submits here. A request counts once, however many jobs it has, and submits them in the same order each
    time. resolution: the word by which it is priced, where an API has its own; otherwise that of its pixels. Raises
    what `Jobs.submit` raises, ModelNotAllowed and IdempotencyKeyInvalid.
    """
    check_models(request, task)
    toll, call = await toll_of(request, parts, task, resolution), call_of(request)
    job = await parts.jobs.submit(task, encoding, terms, origin, caption, call, toll, beside)
    request.state.is_counted = True
    return job


async def draw_all(
    request: Request,
    parts: Parts,
    tasks: Sequence[Task],
    encoding: Encoding,
    terms: Terms,
    *,
    origin: Origin | None = None,
    caption: Caption | None = None,
) -> list[tuple[Image, ...] | DarkroomError]:
    """What became of each of several tasks, each a job of its own: its images, or why there are none.

    Raises what `submit` raises for the first; after that one, what is refused is only told. Raises ClientGone, with
    which all are let go of, and the first error where every task has one.
    """
    jobs: list[Job] = []
    refused: list[DarkroomError] = []
    for task in tasks:
        try:
            jobs.append(await submit(request, parts, task, encoding, terms, origin, caption))
        except DarkroomError as error:
            if not jobs:
                raise
            refused = [error] * (len(tasks) - len(jobs))
            break
    outcomes = [_outcome(job) for job in await _watched(request, parts, jobs)] + refused
    failures = [outcome for outcome in outcomes if isinstance(outcome, DarkroomError)]
    if len(failures) == len(tasks):
        raise failures[0]
    return outcomes


async def draw_each(
    request: Request,
    parts: Parts,
    tasks: Sequence[Task],
    encoding: Encoding,
    terms: Terms,
    *,
    origin: Origin | None = None,
    caption: Caption | None = None,
) -> list[Image | DarkroomError]:
    """As `draw_all`, of tasks that have one image each."""
    outcomes = await draw_all(request, parts, tasks, encoding, terms, origin=origin, caption=caption)
    return [outcome if isinstance(outcome, DarkroomError) else outcome[0] for outcome in outcomes]


async def _watched(request: Request, parts: Parts, jobs: Sequence[Job]) -> list[Job]:
    """All of them, when they have ended, or the time is over: what is open then is let go of."""
    until = time.monotonic() + parts.settings.request_seconds
    left = list(jobs)
    try:
        seen = [await watch(request, parts.jobs, job, max(0.0, until - time.monotonic()), detach=True) for job in jobs]
        left = [job for job in seen if job.is_open]
        return seen
    finally:
        for job in left:
            await parts.jobs.let_go(job, tries_of(request))


def _outcome(job: Job) -> tuple[Image, ...] | DarkroomError:
    if job.is_open:
        return JobTooSlow()
    try:
        return images_of(job)
    except DarkroomError as error:
        return error


def images_of(job: Job) -> tuple[Image, ...]:
    """The images of a job that has ended; raises what it ended with instead, and AnswerGone where none is left."""
    _check_success(job)
    if not job.images:
        raise AnswerGone
    return job.images


def _check_success(job: Job) -> None:
    if job.failure is not None:
        raise JobFailed(job.failure.code, job.failure.sentence)
    if job.state is State.CANCELLED:
        raise JobCancelled


async def watch(request: Request, jobs: Jobs, job: Job, seconds: float, *, detach: bool = False) -> Job:
    """The job when it has ended, or as it is after so many seconds.

    If the client leaves, raises ClientGone, and lets go of the job unless `detach` says that it goes on. So also when
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
            await jobs.let_go(job, tries_of(request))
        raise
    finally:
        waiting.cancel()
        leaving.cancel()


async def follow(request: Request, parts: Parts, job: Job) -> AsyncGenerator[Job]:
    """The job at each news of it and now and then, last as it ended, for an answer that is told piece by piece.

    It is let go of when whoever reads this closes it early. Raises StreamsFull; what it gives raises JobTooSlow and
    ServerStopping, and the job is let go of with each.
    """
    try:
        following = parts.jobs.follow(job)
    except StreamsFull:
        await parts.jobs.let_go(job, tries_of(request))
        raise
    news = _while_wanted(request, parts, job, following)
    await anext(news)  # only what has begun is closed: the client may be gone before anybody reads
    return news


async def _while_wanted(
    request: Request, parts: Parts, job: Job, following: AsyncGenerator[Job]
) -> AsyncGenerator[Job]:
    until = time.monotonic() + parts.settings.request_seconds
    try:
        yield job
        async with aclosing(following):
            async for job in following:
                yield job
                if time.monotonic() > until:
                    raise JobTooSlow
        if job.is_open:
            raise ServerStopping
    finally:
        if job.is_open:
            with CancelScope(shield=True):  # a response whose client has gone is cancelled again at each await
                await parts.jobs.let_go(job, tries_of(request))


async def _client_leaves(request: Request) -> None:
    """Returns when the connection closes; the body has been read, so nothing else is left to receive."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
