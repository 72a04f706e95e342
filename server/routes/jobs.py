"""Our own API for every kind of task: submit one as JSON, look at it, wait for it, cancel it."""

import re
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Header, Request, Response
from pydantic import Field
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog
from pipelines.planning import text_to_image
from pipelines.tasks import Task
from server.errors import BodyInvalid
from server.http.auth import TheAccount
from server.http.body import Body, Name, Seed, Text, check, ignored_fields, read_json
from server.http.parts import TheParts
from server.http.waiting import draw, watch
from server.images import Encoding
from server.jobs import Job
from server.routes.images import described as described_image

WAIT = re.compile(r"(?:^|[,;\s])wait=([0-9]{1,4})(?:$|[,;\s])")  # RFC 7240, section 4.3
PICTURE_TYPES: dict[str, Encoding] = {
    "image/png": Encoding("png"),
    "image/jpeg": Encoding("jpeg"),
    "image/webp": Encoding("webp"),
}

router = APIRouter(prefix="/darkroom/v1", tags=["jobs"])


class TextToImageBody(Body):
    """What is left out takes the model's own value, and a random seed."""

    prompt: Text
    negative_prompt: Text = ""
    model: Name | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    sampler: Name | None = None
    seed: Seed | None = None
    count: Annotated[int, Field(ge=1)] = 1


class Kind(NamedTuple):
    """How a kind of task comes in: its body, and the planning that turns the body's fields into a complete Task."""

    body: type[Body]
    plan: Callable[..., Task]


KINDS: dict[str, Kind] = {
    "text_to_image": Kind(TextToImageBody, text_to_image),
}


def task_of(catalog: Catalog, value: dict[str, Any]) -> tuple[Task, dict[str, str]]:
    """The task that a JSON object asks for, and a header that names its ignored fields."""
    name = value.pop("task", None)
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise BodyInvalid(f"`task` must be one of: {', '.join(KINDS)}.", field="task")
    body = check(kind.body, value)
    return kind.plan(catalog, **body.model_dump()), ignored_fields(kind.body, value)


def described_job(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "state": job.state.value,
        "model": job.task.model,
        "created_at": job.created,
        "started_at": job.started,
        "ended_at": job.ended,
        "progress": {"step": job.step, "steps": job.steps},
        "images": [described_image(image) for image in job.images],
        "error": {"code": job.failure.code, "message": job.failure.sentence} if job.failure else None,
    }


def _openapi() -> dict[str, Any]:
    """One schema a kind, told apart by `task`."""
    example = {"task": "text_to_image", "prompt": "a big yellow star on a black background", "seed": 1}
    schemas = []
    for name, kind in KINDS.items():
        schema = kind.body.model_json_schema()
        schema["properties"] = {"task": {"const": name}, **schema["properties"]}
        schema["required"] = ["task", *schema.get("required", [])]
        schemas.append(schema)
    content = {"schema": {"oneOf": schemas}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


@router.post("/jobs", status_code=202, openapi_extra=_openapi())
async def submit(
    request: Request,
    parts: TheParts,
    account: TheAccount,
    accept: Annotated[str, Header()] = "",
    prefer: Annotated[str, Header()] = "",
) -> Response:
    """Submit a task. Answers at once with the job; `Prefer: wait=30` waits that many seconds for its end.

    `Accept: image/png` (or image/jpeg, image/webp) waits as long as it takes and answers with the first picture.
    """
    task, headers = task_of(parts.catalog, await read_json(request))
    encoding = PICTURE_TYPES.get(accept.strip().lower())
    if encoding is not None:
        image = (await draw(request, parts, account, task, encoding))[0]
        headers |= {"x-darkroom-model": image.model, "x-darkroom-seed": str(image.seed)}
        return Response(await parts.images.read(image), media_type=encoding.media_type, headers=headers)
    job = await parts.jobs.submit(account, task, Encoding())
    wait = WAIT.search(prefer)
    if wait:
        job = await watch(request, parts.jobs, job, min(int(wait[1]), parts.settings.request_seconds))
        headers["Preference-Applied"] = f"wait={int(wait[1])}"
    headers["Location"] = f"/darkroom/v1/jobs/{job.id}"
    return JSONResponse(described_job(job), 202 if job.is_open else 200, headers)


@router.get("/jobs/{job_id}")
async def show(job_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """The job as it is now."""
    return described_job(await parts.jobs.status(account, job_id))


@router.delete("/jobs/{job_id}", status_code=202)
async def cancel(job_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Cancel a job before its next step. One that has ended stays as it is."""
    return described_job(await parts.jobs.cancel(account, job_id))
