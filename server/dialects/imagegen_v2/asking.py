"""How every endpoint of this API that draws or processes asks for a job, waits for it, and answers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse

from pipelines.engine.protocol import Terms
from pipelines.planning import describe
from pipelines.tasks import Description, Raster, Task
from server.bodies.addressed import SomeBody, own_first, with_pictures
from server.credits.prices import price_of
from server.decode import picture
from server.dialects.imagegen_v2.answers import File, generation
from server.dialects.imagegen_v2.spelled import API, PREFIX, spelled
from server.encoding import in_base64
from server.errors import JobTooSlow, JobUnknown
from server.http.body import check, ignored_fields
from server.http.own_links import open_address
from server.http.parts import Parts
from server.http.waiting import images_of, submit, watch
from server.images import Caption, Encoding, Image
from server.jobs import Job, Origin

ASYNC = re.compile(r"(?:^|[,;\s])respond-async(?:$|[,;\s])")  # RFC 7240, section 4.1
EVENTS = ("generation.completed", "generation.failed")
SCORERS = ("safety-scorer", "aesthetic-scorer")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request wants beside its task. said: what the answer will tell of it. warnings: without those absent."""

    said: Mapping[str, Any]
    encoding: Encoding
    caption: Caption | None = None
    webhook_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str | None, ...] = ()


async def read(
    request: Request, parts: Parts, account: str, model: type[SomeBody], value: dict[str, Any]
) -> tuple[SomeBody, dict[str, str]]:
    """The request with its pictures in base64, and a header that names what it has and we do not know."""
    asked = await with_pictures(check(model, value), own_first(request, parts, account))
    return asked, ignored_fields(model, value)


async def answered(request: Request, parts: Parts, account: str, task: Task, wish: Wish) -> JSONResponse:
    """When the job has ended, or at once with 202 for `Prefer: respond-async`.

    A client that leaves cancels it. Raises JobTooSlow with the id of a job that takes longer than a request may.
    """
    said = {"credits": price_of(parts.catalog, task), **wish.said}
    beside = []
    if wish.webhook_url is not None:
        hook = parts.webhooks.made(account, wish.webhook_url, EVENTS, None, form=API)
        beside.append(parts.webhooks.beside(hook))
    origin = Origin(API, said)
    job = await submit(request, parts, task, wish.encoding, Terms(account), origin, wish.caption, beside)
    headers = dict(wish.headers) | ({"x-darkroom-model": job.model} if job.model else {})
    if warnings := [warning for warning in wish.warnings if warning]:
        headers["x-darkroom-warning"] = " ".join(warnings)
    if ASYNC.search(request.headers.get("prefer", "")):
        place = f"{PREFIX}/generations/{spelled(job.id)}"
        headers |= {"Preference-Applied": "respond-async", "Location": place}
        return JSONResponse(await shown(request, parts, job), 202, headers)
    job = await watch(request, parts.jobs, job, parts.settings.request_seconds)
    if job.is_open:
        raise JobTooSlow(job.id)
    seen = [await _seen(request, parts, image) for image in images_of(job)]
    return JSONResponse(await shown(request, parts, job, *seen), headers=headers)


async def shown(request: Request, parts: Parts, job: Job, *seen: Description | None) -> dict[str, Any]:
    """seen: what describing networks say of each image, for those who waited."""
    is_whole = job.origin.said.get("return_type") == "base64"
    files = [await _file(request, parts, image, is_whole) for image in job.images]
    source = await _source(parts, job)
    return generation(job, files, parts.settings.credit_usd, source, seen)


async def described(request: Request, parts: Parts, account: str, image: Raster) -> str:
    """The id of a job that says what a picture shows."""
    task = describe(parts.catalog, image=image)
    return (await submit(request, parts, task, Encoding(), Terms(account), Origin(API, {"is_part": True}))).id


async def _file(request: Request, parts: Parts, image: Image, is_whole: bool) -> File:
    if is_whole:
        return {"base64": await in_base64(await parts.images.read(image))}
    return {"url": await open_address(request, parts, image)}


async def _source(parts: Parts, job: Job) -> Description | None:
    """What was said of the picture that the job worked on, while that is kept."""
    if (name := job.origin.said.get("analysis")) is None:
        return None
    try:
        facts = (await parts.jobs.status(job.account, name)).facts
    except JobUnknown:
        return None
    return facts if isinstance(facts, Description) else None


async def _seen(request: Request, parts: Parts, image: Image) -> Description | None:
    """None where no scorer is installed, or it takes too long."""
    installed = [model.kind for model in parts.catalog.models if parts.catalog.is_installed(model)]
    if not set(SCORERS) & set(installed):
        return None
    raster = await picture(await in_base64(await parts.images.read(image)), "image")
    job = await parts.jobs.status(image.account, await described(request, parts, image.account, raster))
    job = await watch(request, parts.jobs, job, parts.settings.request_seconds)
    return job.facts if isinstance(job.facts, Description) else None
