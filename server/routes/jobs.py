"""Our own API for every kind of task: submit one as JSON, look at it, wait for it, cancel it, delete it."""

import asyncio
import re
from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.responses import JSONResponse

from pipelines.tasks import Describe
from server.bodies.addressed import own_first
from server.bodies.job import JobBody
from server.bodies.kinds import asked_for, openapi
from server.bodies.stored import with_stored
from server.errors import ImageUnknown
from server.http.auth import TheAccount
from server.http.body import read_json
from server.http.pages import cursor_of, place_in
from server.http.parts import Parts, TheParts
from server.http.waiting import draw, submit, watch
from server.images import Encoding, preview_file
from server.jobs import Job, State, Wanted
from server.routes.images import described as described_image
from server.store.accepting import Beside

WAIT = re.compile(r"(?:^|[,;\s])wait=([0-9]{1,4})(?:$|[,;\s])")  # RFC 7240, section 4.3
MOST_LISTED = 100
LIST = "jobs"  # as cursors name it
Moment = Annotated[float, Query(allow_inf_nan=False)]
Word = Annotated[str, Query(max_length=128, pattern=r"^[^\x00]*$")]
PICTURE_TYPES: dict[str, Encoding] = {
    "image/png": Encoding("png"),
    "image/jpeg": Encoding("jpeg"),
    "image/webp": Encoding("webp"),
}

router = APIRouter(prefix="/darkroom/v1", tags=["jobs"])


def described_job(job: Job, now: float) -> dict[str, Any]:
    """What our own API says of a job; null is what does not apply, or nobody knows."""
    return {
        "id": job.id,
        "state": job.state.value,
        "task": job.kind,
        "model": job.model,
        "created_at": job.created,
        "started_at": job.started,
        "ended_at": job.ended,
        "deleted_at": job.deleted,
        "deadline": job.terms.deadline,
        "queue": {"place": job.place, "seconds_left": job.wait_seconds},
        "progress": {"step": job.step, "steps": job.steps, "seconds_left": job.seconds_left(now)},
        "preview": f"/darkroom/v1/jobs/{job.id}/preview" if job.preview else None,
        "images": [described_image(image) for image in job.images],
        "facts": asdict(job.facts) if job.facts else None,
        "error": {"code": job.failure.code, "message": job.failure.sentence} if job.failure else None,
    }


@router.post("/jobs", status_code=202, openapi_extra=openapi())
async def ask(
    request: Request,
    parts: TheParts,
    account: TheAccount,
    accept: Annotated[str, Header()] = "",
    prefer: Annotated[str, Header()] = "",
) -> Response:
    """Submit a task. Answers at once with the job; `Prefer: wait=30` waits that many seconds for its end.

    `Accept: image/png` (or image/jpeg, image/webp) waits as long as it takes and answers with the first picture.
    """
    value, parent = await with_stored(await read_json(request), parts.images, account)
    asked = await asked_for(parts.catalog, value, own_first(request, parts, account))
    caption = asked.body.caption_of(parent)
    terms = asked.body.terms(account, parts.jobs.now())
    beside = await at_the_end(parts, account, asked.body)
    detach = asked.body.on_disconnect == "detach"
    headers = dict(asked.headers)
    encoding = PICTURE_TYPES.get(accept.strip().lower())
    if encoding is not None and not isinstance(asked.task, Describe):
        encoding = replace(encoding, metadata=asked.body.metadata)
        drawn = await draw(request, parts, asked.task, encoding, terms, detach=detach, caption=caption, beside=beside)
        image = drawn[0]
        told = {"x-darkroom-model": image.model, "x-darkroom-seed": image.seed}
        headers |= {name: str(value) for name, value in told.items() if value is not None}
        return Response(await parts.images.read(image), media_type=image.encoding.media_type, headers=headers)
    encoding = Encoding(metadata=asked.body.metadata)
    job = await submit(request, parts, asked.task, encoding, terms, caption=caption, beside=beside)
    wait = WAIT.search(prefer)
    if wait:
        job = await watch(request, parts.jobs, job, min(int(wait[1]), parts.settings.request_seconds), detach=detach)
        headers["Preference-Applied"] = f"wait={int(wait[1])}"
    headers["Location"] = f"/darkroom/v1/jobs/{job.id}"
    return JSONResponse(described_job(job, parts.jobs.now()), 202 if job.is_open else 200, headers)


@router.get("/jobs")
async def listed(
    parts: TheParts,
    account: TheAccount,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 20,
    cursor: str | None = None,
    state: State | None = None,
    model: Word | None = None,
    task: Word | None = None,
    created_after: Moment | None = None,
    created_before: Moment | None = None,
    include_deleted: bool = False,
) -> dict[str, Any]:
    """Your jobs, the newest first. `next` is the `cursor` of the page after this one, null on the last.

    `task` is a kind of task; times are seconds since 1970, not included. Deleted and expired jobs are listed, if asked
    for, until they are purged.
    """
    now = parts.jobs.now()
    wanted = Wanted(
        (state,) if state else (),
        model,
        task,
        created_after=created_after,
        created_before=created_before,
        with_deleted=include_deleted,
    )
    after = place_in(LIST, cursor, float) if cursor else None
    jobs = await parts.jobs.page(account, limit + 1, wanted, after=after)
    page = jobs[:limit]
    last = cursor_of(LIST, page[-1].created, page[-1].id) if jobs[limit:] else None
    return {"jobs": [described_job(job, now) for job in page], "next": last}


@router.get("/jobs/{job_id}")
async def show(job_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """The job as it is now."""
    return described_job(await parts.jobs.status(account, job_id), parts.jobs.now())


@router.get("/jobs/{job_id}/preview", response_class=Response)
async def preview(job_id: str, parts: TheParts, account: TheAccount) -> Response:
    """What the first picture looked like a while ago, small; for jobs with `previews` while they run."""
    job = await parts.jobs.status(account, job_id)
    if job.preview is None:
        raise ImageUnknown
    return Response(await asyncio.to_thread(preview_file, job.preview), media_type="image/png")


@router.post("/jobs/{job_id}/cancel")
async def cancel(job_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Cancel a job before its next step, as often as you like: one that has ended stays as it is."""
    return described_job(await parts.jobs.cancel(account, job_id), parts.jobs.now())


@router.delete("/jobs/{job_id}", responses={202: {"description": "The job had not ended, and is being cancelled."}})
async def delete(job_id: str, parts: TheParts, account: TheAccount, for_good: bool = False) -> JSONResponse:
    """Delete a job that has ended, with its images; cancel one that has not.

    What is deleted is in nobody's way from now on, and gone when it is purged, or at once if that is `for_good`.
    """
    job = await parts.jobs.delete(account, job_id, for_good=for_good)
    return JSONResponse(described_job(job, parts.jobs.now()), 202 if job.deleted is None else 200)


async def at_the_end(parts: Parts, account: str, body: JobBody) -> list[Beside]:
    """What is written down with the job, so that it happens when the job has ended."""
    beside: list[Beside] = []
    if (hook := body.webhook) is not None:
        beside.append(parts.webhooks.beside(parts.webhooks.made(account, hook.url, hook.events, hook.secret)))
    if body.connector is not None:
        beside.append(parts.connectors.beside(await parts.connectors.find(account, body.connector)))
    return beside
