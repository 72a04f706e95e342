"""What happens to a job, as it happens: server-sent events (HTML Standard, section 9.2)."""

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Response
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse

from pipelines.tasks import Raster
from server.http.auth import TheAccount
from server.http.parts import TheParts
from server.images import preview_file
from server.jobs import Job, Jobs, State
from server.routes.jobs import described_job

ENDED = "ended"
BETWEEN_SECONDS = 0.1  # two looks at a job: steps may be faster than anybody can see
QUIET_SECONDS = 15.0  # after which a comment says that the connection lives, as the standard advises
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would keep events back

router = APIRouter(prefix="/darkroom/v1", tags=["jobs"])


@router.get(
    "/jobs/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}},
        204: {"description": "The client has heard that the job ended: there is nothing to come again for."},
    },
)
async def events(
    job_id: str, parts: TheParts, account: TheAccount, last_event_id: Annotated[str, Header()] = ""
) -> Response:
    """The job's `queued`, `progress`, `preview` and `ended`, each with JSON, as they happen; then the stream ends.

    It begins with how things are, also for a client that comes again.
    """
    job = await parts.jobs.status(account, job_id)
    if not job.is_open and last_event_id == ENDED:
        return Response(status_code=204)
    following = parts.jobs.follow(job)
    return StreamingResponse(_written(parts.jobs, following), media_type="text/event-stream", headers=HEADERS)


async def _written(jobs: Jobs, following: AsyncGenerator[Job]) -> AsyncIterator[bytes]:
    said: dict[str, Any] = {}
    number, spoken = 0, time.monotonic()
    async with aclosing(following):
        async for job in following:
            for name, content in _news(job, said):
                number, spoken = number + 1, time.monotonic()
                event_id = ENDED if name == ENDED else str(number)
                yield format_sse_event(event=name, id=event_id, data_str=await _data(jobs, job, content))
            if time.monotonic() - spoken > QUIET_SECONDS:
                spoken = time.monotonic()
                yield KEEPALIVE_COMMENT
            if job.is_open:
                await asyncio.sleep(BETWEEN_SECONDS)


def _news(job: Job, said: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is to be told of a job that was not `said` before."""
    now: dict[str, Any] = {}
    if job.state is State.QUEUED:
        now["queued"] = {"place": job.place}
    elif job.state is State.RUNNING:
        now["progress"] = {"step": job.step, "steps": job.steps}
        now["preview"] = job.preview
    else:
        now[ENDED] = {}
    for name, content in now.items():
        if content is not None and said.get(name) != content:
            said[name] = content
            yield name, content


async def _data(jobs: Jobs, job: Job, content: Any) -> str:
    """The JSON of an event, with the seconds that go with it, which alone are no news."""
    if isinstance(content, Raster):
        png = base64.b64encode(await asyncio.to_thread(preview_file, content)).decode()
        return orjson.dumps({"image": f"data:image/png;base64,{png}"}).decode()
    if not job.is_open:
        return orjson.dumps(described_job(job, jobs.now())).decode()
    seconds = job.wait_seconds if job.state is State.QUEUED else job.seconds_left(jobs.now())
    return orjson.dumps(content | {"seconds_left": seconds}).decode()
