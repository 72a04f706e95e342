"""Pictures told as they emerge: server-sent events, some previews and then each picture, as the vendor's guide has them
(guides/image-generation, section Streaming).
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal

import orjson
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import Response, StreamingResponse

from pipelines.engine.protocol import Terms
from pipelines.errors import DarkroomError
from pipelines.tasks import Raster
from server.credits.prices import size_of
from server.dialects.openai.answering import Asking, Shown, looks, told
from server.dialects.openai.asked import Drawn
from server.dialects.openai.drawing import API, drawn, encoding_of, finished
from server.dialects.openai.wording import wording
from server.encoding import in_base64, preview_like
from server.http.waiting import follow, images_of, submit
from server.jobs import Job, Origin
from server.routes.events import HEADERS, QUIET_SECONDS

Kind = Literal["image_generation", "image_edit"]  # what the names of the events begin with


async def drawn_or_streamed(asking: Asking, asked: Drawn, kind: Kind) -> Response:
    """The answer as it is asked for."""
    return await _streamed(asking, asked, kind) if asked.stream else await drawn(asking)


async def _streamed(asking: Asking, asked: Drawn, kind: Kind) -> StreamingResponse:
    """It begins when the job is accepted: what is refused before has a status of its own."""
    request, parts, task = asking.request, asking.parts, asking.planned.task
    terms = Terms(asking.account, previews=bool(asked.partial_images))
    job = await submit(request, parts, task, encoding_of(asking), terms, Origin(API))
    news = await follow(request, parts, job)
    headers = HEADERS | told(asking) | {"x-darkroom-model": str(job.model)}
    events = _events(asking, asked.partial_images or 0, kind, job, news)
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(
    asking: Asking, partial_images: int, kind: Kind, job: Job, news: AsyncGenerator[Job]
) -> AsyncIterator[bytes]:
    seen, sent, spoken = None, 0, time.monotonic()
    try:
        async with aclosing(news):
            async for job in news:
                if job.preview is not None and job.preview != seen and _is_due(job, sent, partial_images):
                    yield _event(f"{kind}.partial_image", await _partial(asking, job.preview, sent))
                    seen, sent, spoken = job.preview, sent + 1, time.monotonic()
                elif time.monotonic() - spoken > QUIET_SECONDS:
                    yield KEEPALIVE_COMMENT
                    spoken = time.monotonic()
        for shown in await finished(asking, images_of(job)):
            yield _event(f"{kind}.completed", await _completed(asking, shown))
    except DarkroomError as error:
        yield _event("error", wording(error, asking.request.state.request_id))


def _is_due(job: Job, sent: int, most: int) -> bool:
    """Whether another preview is to be told of: they are spread over the steps."""
    return sent < most and job.step * (most + 1) >= job.steps * (sent + 1)


async def _partial(asking: Asking, preview: Raster, index: int) -> dict[str, Any]:
    size, encoding = size_of(asking.planned.task), replace(asking.asked.encoding(), metadata=False)
    file = await asyncio.to_thread(preview_like, preview, size, encoding)
    return {
        "b64_json": await in_base64(file),
        "partial_image_index": index,
        "created_at": int(asking.parts.jobs.now()),
    } | looks(asking.asked, *size)


async def _completed(asking: Asking, shown: Shown) -> dict[str, Any]:
    return {
        "b64_json": await in_base64(await asking.parts.images.read(shown.image)),
        "created_at": int(shown.drawn.created),
        "seed": shown.drawn.seed,
        "usage": None,
    } | looks(asking.asked, shown.image.width, shown.image.height)


def _event(name: str, content: dict[str, Any]) -> bytes:
    return format_sse_event(event=name, data_str=orjson.dumps({"type": name} | content).decode())
