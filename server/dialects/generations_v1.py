"""The dialect of /api/v1/generations: asynchronous text-to-image for projects; docs/apis/generations_v1.md compares.

A project is an account, a generation a job, and their ids are spelled as UUIDs.
"""

import secrets
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse

from pipelines.engine.protocol import Terms
from pipelines.errors import DarkroomError
from pipelines.planning import text_to_image
from pipelines.sizes import shaped
from pipelines.tasks import SEED_LIMIT
from server.dialects import Dialect
from server.errors import BodyInvalid, JobTooSlow, JobUnknown, status_of
from server.http.auth import TheAccount
from server.http.body import Name, Prompt, SparseBody, check, described, ignored_fields, read_json
from server.http.own_links import open_address
from server.http.parts import Parts, TheParts
from server.http.waiting import submit
from server.images import Caption, Encoding, Image
from server.jobs import Job, Origin, State, Wanted
from server.limits.standing import Standing
from server.prompts.looks import Looks
from server.spelling import account_uuid, id_of, moment, uuid_of

API = "generations_v1"
MOST_LISTED = 100
MOST_META = 100  # keys
STOP_SECONDS = 30.0  # until what is being drawn has stopped
RATIOS = {"1:1": 1.0, "16:9": 16 / 9, "9:16": 9 / 16, "3:2": 3 / 2, "21:9": 21 / 9}
STATUSES: dict[str, tuple[State, ...]] = {
    "pending": (State.QUEUED,),
    "processing": (State.RUNNING,),
    "success": (State.SUCCEEDED,),
    "failed": (State.FAILED, State.CANCELLED),
}
STATUS_OF = {state: status for status, states in STATUSES.items() for state in states}
CANCELLED = "The generation was cancelled."
CODES = {401: "UNAUTHORIZED", 403: "UNAUTHORIZED", 404: "GENERATION_NOT_FOUND", 429: "RATE_LIMIT_EXCEEDED"}


class EnhancementOptions(SparseBody):
    template: Name = "general"


class Generation(SparseBody):
    """The body of POST /api/v1/generations."""

    prompt: Prompt
    aspectRatio: Literal[tuple(RATIOS)] = "1:1"  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    autoEnhance: bool = True
    enhancementOptions: EnhancementOptions = EnhancementOptions()
    meta: Annotated[dict[str, Any], Field(default_factory=dict, max_length=MOST_META)]


router = APIRouter(prefix="/api/v1/generations", tags=["generations v1"])
EXAMPLE = {
    "prompt": "a big red star on a white background",
    "aspectRatio": "16:9",
    "autoEnhance": True,
    "enhancementOptions": {"template": "photorealistic"},
}


@router.post("", status_code=201, openapi_extra=described(Generation, EXAMPLE))
async def create(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Ask for a picture. It is drawn whoever waits: ask for the generation until its status is success or failed."""
    value = await read_json(request)
    asked = check(Generation, value)
    meant = parts.catalog.meant(None, "text_to_image")
    width, height = shaped(RATIOS[asked.aspectRatio], meant.model)
    seed = secrets.randbelow(SEED_LIMIT)
    prompt = await _enhanced(asked, parts, seed, meant.model.limits.max_prompt_chars)
    task = text_to_image(parts.catalog, model=meant.model.id, prompt=prompt, width=width, height=height, seed=seed)
    said = {
        "prompt": prompt,
        "originalPrompt": asked.prompt,
        "autoEnhance": asked.autoEnhance,
        "aspectRatio": asked.aspectRatio,
        "meta": asked.meta,
    }
    caption = Caption(asked=asked.prompt)
    job = await submit(request, parts, task, Encoding(), Terms(account), Origin(API, said), caption)
    headers = ignored_fields(Generation, value) | {"x-darkroom-model": str(job.model)}
    return JSONResponse({"success": True, "data": _created(job)}, 201, headers)


@router.get("")
async def listed(
    parts: TheParts,
    account: TheAccount,
    status: Annotated[str | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 20,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    include_deleted: Annotated[bool, Query(alias="includeDeleted")] = False,
) -> dict[str, Any]:
    """Your generations, the newest first."""
    if status is not None and status not in STATUSES:
        raise BodyInvalid(f"`status` must be one of: {', '.join(STATUSES)}.", field="status")
    wanted = Wanted(api=API, states=STATUSES.get(status or "", ()), with_deleted=include_deleted)
    jobs = await parts.jobs.page(account, limit, wanted, offset=offset)
    total = await parts.jobs.count(account, wanted)
    page = {"limit": limit, "offset": offset, "total": total, "hasMore": offset + len(jobs) < total}
    return {"success": True, "data": [_brief(job) for job in jobs], "pagination": page}


@router.get("/{generation_id}")
async def show(generation_id: str, request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """A generation as it is now, with its picture once there is one."""
    job = await _found(generation_id, parts, account)
    image = job.images[0] if job.images else None
    data = _created(job) | {
        "outputImage": image and await _output_image(image, request, parts),
        "retryCount": max(0, job.attempt - 1),
        "errorMessage": job.failure.sentence if job.failure else CANCELLED if job.state is State.CANCELLED else None,
        "meta": job.origin.said["meta"],
    }
    return {"success": True, "data": data}


@router.delete("/{generation_id}")
async def delete(generation_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Delete a generation for good, and its picture too unless that has an alias. What is being drawn is stopped."""
    job = await _found(generation_id, parts, account)
    if job.is_open:
        await parts.jobs.cancel(account, job.id)
        job = await parts.jobs.wait(job, STOP_SECONDS)
    if job.is_open:
        raise JobTooSlow
    await parts.jobs.delete(account, job.id, for_good=True)
    return {"success": True, "message": "Generation deleted"}


def wording(error: DarkroomError, request_id: str) -> dict[str, Any]:
    """One of the document's five codes, the nearest; the status says the rest."""
    status = status_of(error)
    code = CODES.get(status, "VALIDATION_ERROR" if status < 500 else "GENERATION_FAILED")
    return {"success": False, "error": {"code": code, "message": error.sentence}}


def limits_headers(standing: Standing) -> dict[str, str]:
    """Of the hour, in which the document counts; the seconds until it is over."""
    return {
        "X-RateLimit-Limit": str(standing.hour.limit),
        "X-RateLimit-Remaining": str(standing.hour.remaining),
        "X-RateLimit-Reset": str(standing.seconds_to(standing.hour)),
    }


dialect = Dialect(name=API, prefix="/api/v1", router=router, wording=wording, limits_headers=limits_headers)


async def _enhanced(asked: Generation, parts: Parts, seed: int, limit: int) -> str:
    template = asked.enhancementOptions.template
    if template not in parts.library.now.enhancement:
        raise BodyInvalid(f"`template` must be one of: {', '.join(parts.library.now.enhancement)}.", field="template")
    if not asked.autoEnhance:
        return asked.prompt
    enhanced = await parts.enhancer.enhance(asked.prompt, "", template=template, looks=Looks(), seed=seed, limit=limit)
    return enhanced.prompt


async def _found(generation_id: str, parts: Parts, account: str) -> Job:
    """Raises JobUnknown for what came by another API, too."""
    job = await parts.jobs.status(account, id_of("job", generation_id))
    if job.origin.api != API:
        raise JobUnknown
    return job


def _created(job: Job) -> dict[str, Any]:
    """What a new generation shows."""
    return _brief(job) | {
        "projectId": account_uuid(job.account),
        "updatedAt": moment(job.ended or job.started or job.created),
    }


def _brief(job: Job) -> dict[str, Any]:
    """What lists show."""
    said = job.origin.said
    return {
        "id": uuid_of(job.id),
        "prompt": said["prompt"],
        "originalPrompt": said["originalPrompt"],
        "autoEnhance": said["autoEnhance"],
        "aspectRatio": said["aspectRatio"],
        "status": STATUS_OF[job.state],
        "outputImageId": uuid_of(job.images[0].id) if job.images else None,
        "processingTimeMs": round(1000 * (job.ended - job.started)) if job.ended and job.started else None,
        "createdAt": moment(job.created),
    }


async def _output_image(image: Image, request: Request, parts: Parts) -> dict[str, Any]:
    return {
        "id": uuid_of(image.id),
        "storageUrl": await open_address(request, parts, image),
        "mimeType": image.encoding.media_type,
        "width": image.width,
        "height": image.height,
        "fileSize": image.size,
    }
