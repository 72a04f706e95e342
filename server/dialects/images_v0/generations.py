"""POST /v0/images/generations, and its jobs."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse

from pipelines.engine.protocol import Terms
from server.bodies.addressed import own_first, with_pictures
from server.dialects.images_v0 import told
from server.dialects.images_v0.asked import Generation, openapi, read
from server.dialects.images_v0.planned import planned
from server.dialects.images_v0.told import API, PREFIX, ResponseFormat
from server.errors import JobTooSlow
from server.http.auth import TheAccount
from server.http.body import check, ignored_fields
from server.http.parts import TheParts
from server.http.waiting import images_of, submit, watch
from server.images import Encoding
from server.jobs import Origin, State

SYNC_SECONDS = 180.0

Async = Annotated[bool, Query(alias="async")]

router = APIRouter(prefix=f"{PREFIX}/images/generations")


@router.post("", openapi_extra=openapi())
async def generate(
    request: Request,
    parts: TheParts,
    account: TheAccount,
    response_format: ResponseFormat = "url",
    include_base64: bool = False,
    at_once: Async = False,
) -> JSONResponse:
    """Draw pictures of a prompt or a preset, and wait for them, 180 seconds at most; with `async` not at all.

    They are drawn whoever waits: GET /v0/images/generations/{jobId} shows how far they are.
    """
    sent = await read(request, parts.settings.max_body_bytes)
    asked = await with_pictures(check(Generation, sent.value), own_first(request, parts, account))
    plan = await planned(asked, sent.files, parts, account)
    headers = plan.headers | ignored_fields(Generation, sent.value)
    encoding, terms, origin = Encoding("webp"), Terms(account), Origin(API)
    job = await submit(request, parts, plan.task, encoding, terms, origin, plan.caption, resolution=plan.resolution)
    if at_once:
        return JSONResponse({"data": told.opened(job)}, headers=headers)
    seconds = min(SYNC_SECONDS, parts.settings.request_seconds)
    job = await watch(request, parts.jobs, job, seconds, detach=True)
    if job.is_open:
        raise JobTooSlow(job.id, seconds)
    images_of(job)
    wanted: ResponseFormat = "both" if include_base64 else response_format
    return JSONResponse({"data": await told.completed(job, wanted, request, parts)}, headers=headers)


@router.get("/{job_id}")
async def show(
    job_id: str,
    request: Request,
    parts: TheParts,
    account: TheAccount,
    response_format: ResponseFormat = "url",
    include_base64: bool = False,
) -> dict[str, Any]:
    """A job as it is now: `queued`, `active`, `completed` or `failed`."""
    job = await parts.jobs.status(account, job_id)
    if job.is_open:
        return {"data": told.opened(job)}
    if job.state is not State.SUCCEEDED:
        return {"data": told.failed(job)}
    wanted: ResponseFormat = "both" if include_base64 else response_format
    return {"data": told.opened(job) | await told.completed(job, wanted, request, parts)}
