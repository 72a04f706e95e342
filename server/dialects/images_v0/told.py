"""What is answered: jobs, images and errors as the document shows them."""

from typing import Any, Literal

from fastapi import Request

from pipelines.errors import DarkroomError
from server.credits.prices import credits
from server.encoding import in_base64
from server.errors import JobTooSlow
from server.http.frame import address_of
from server.http.parts import Parts
from server.images import UPLOAD, Image
from server.jobs import Job, State
from server.routes.files import OPEN_LINKS
from server.spelling import moment

API, PREFIX = "images_v0", "/v0"
STATUSES = {
    State.QUEUED: "queued",
    State.RUNNING: "active",
    State.SUCCEEDED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
}
CANCELLED = "The generation was cancelled."

ResponseFormat = Literal["url", "b64_json", "both"]


def opened(job: Job) -> dict[str, Any]:
    """A job by itself."""
    return {"id": job.id, "status": STATUSES[job.state], "created": int(job.created), "model": job.model}


def failed(job: Job) -> dict[str, Any]:
    return {"id": job.id, "status": "failed", "error": job.failure.sentence if job.failure else CANCELLED}


async def completed(job: Job, wanted: ResponseFormat, request: Request, parts: Parts) -> dict[str, Any]:
    """A job with its pictures, and what they cost."""
    return {
        "id": job.id,
        "created": int(job.created),
        "model": job.model,
        "data": [await _picture(image, wanted, request, parts) for image in job.images],
        "usage": {"credits": credits(await parts.credits.cost(job.id))},
    }


async def listed(image: Image, request: Request, parts: Parts) -> dict[str, Any]:
    """An image as the library lists it."""
    url = f"{address_of(request)}/{await _storage_key(image, parts)}"
    return {
        "id": image.id,
        "url": url,
        "thumbnailUrl": f"{url}/thumbnail",
        "width": image.width,
        "height": image.height,
        "presetId": image.caption.preset,
        "modelVersion": image.model,
        "userPrompt": image.prompt if image.caption.asked is None else image.caption.asked,
        "isPublic": image.caption.public,
        "createdAt": moment(image.created),
    }


async def whole(image: Image, request: Request, parts: Parts) -> dict[str, Any]:
    """All that is told of an image."""
    return await listed(image, request, parts) | {
        "prompt": image.prompt,
        "variables": dict(image.caption.variables),
        "sourceType": UPLOAD if image.kind == UPLOAD else None,
    }


def wording(error: DarkroomError, request_id: str) -> dict[str, Any]:
    """A sentence; of what took too long also where to look for it."""
    if isinstance(error, JobTooSlow) and error.job is not None:
        return {
            "error": f"Generation timed out after {error.seconds:g}s",
            "jobId": error.job,
            "hint": f"GET /v0/images/generations/{error.job} to check status",
        }
    return {"error": error.sentence}


async def _picture(image: Image, wanted: ResponseFormat, request: Request, parts: Parts) -> dict[str, Any]:
    key = await _storage_key(image, parts)
    told: dict[str, Any] = {"id": image.id}
    if wanted != "b64_json":
        told["url"] = f"{address_of(request)}/{key}"
    told |= {"storageKey": key, "width": image.width, "height": image.height}
    if wanted != "url":
        content = await parts.images.read(image)
        told["b64_json"] = await in_base64(content)
    return told


async def _storage_key(image: Image, parts: Parts) -> str:
    """Under which everybody gets it who knows it: it cannot be guessed, and ends with the image."""
    return f"{OPEN_LINKS}/{await parts.images.publish(image)}".removeprefix("/")
