"""How far the caller's own pictures are, and how to stop them: what other accounts draw is neither seen nor touched."""

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from server.dialects.a1111.loose import LooseBody
from server.dialects.a1111.pictures import API
from server.encoding import in_base64
from server.http.auth import TheAccount
from server.http.body import Name, check, described, read_json
from server.http.parts import Parts, TheParts
from server.images import preview_file
from server.jobs import OPEN, Job, State, Wanted

MOST_OPEN, MOST_KNOWN = 1000, 100  # jobs of one account: not ended, and in all
LOOK_SECONDS, MOST_LOOKS = 0.1, 100  # while a request is still writing its jobs down
STATES = tuple(sorted(OPEN))
EXAMPLE = {"id_task": "task(abc)", "id_live_preview": -1, "live_preview": True}

router = APIRouter()


class TaskProgress(LooseBody):
    """The body of POST /internal/progress. id_live_preview: of the last one that the client has."""

    id_task: Name
    id_live_preview: Annotated[int, Field(ge=-1, le=2**53)] = -1
    live_preview: bool = True


@router.get("/sdapi/v1/progress")
async def progress(
    parts: TheParts, account: TheAccount, skip_current_image: Annotated[bool, Query()] = False
) -> dict[str, Any]:
    """How far your oldest request is that is not answered yet; 0 and no jobs where there is none."""
    jobs = _of_one_request(await _open(parts, account))
    first = jobs[0] if jobs else None
    preview = next((job.preview for job in jobs if job.preview), None)
    image = None
    if preview is not None and not skip_current_image:
        image = await in_base64(await asyncio.to_thread(preview_file, preview))
    return {
        "progress": _share(jobs),
        "eta_relative": _seconds(jobs, parts.jobs.now()) or 0.0,
        "state": _state(jobs),
        "current_image": image,
        "textinfo": None,
        "current_task": first.origin.said.get("task") if first else None,
    }


@router.post("/internal/progress", openapi_extra=described(TaskProgress, EXAMPLE))
async def task_progress(request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """How far one request of yours is, by the `force_task_id` that it was given."""
    asked = check(TaskProgress, {name: item for name, item in (await read_json(request)).items() if item is not None})
    known = await parts.jobs.page(account, MOST_KNOWN, Wanted(api=API))
    mine = [job for job in known if job.origin.said.get("task") == asked.id_task]
    jobs = [job for job in reversed(mine) if job.is_open]
    running = [job for job in jobs if job.state is State.RUNNING]
    shown = next((job for job in running if job.preview), None)
    answer: dict[str, Any] = {
        "active": bool(running),
        "queued": bool(jobs) and not running,
        "completed": bool(mine) and not jobs,
        "progress": _share(jobs) if running else None,
        "eta": _seconds(jobs, parts.jobs.now()) if running else None,
        "live_preview": None,
        "id_live_preview": asked.id_live_preview,
        "textinfo": None if running else "Waiting...",
    }
    if shown and shown.preview and asked.live_preview and shown.step != asked.id_live_preview:
        png = await in_base64(await asyncio.to_thread(preview_file, shown.preview))
        answer |= {"live_preview": f"data:image/png;base64,{png}", "id_live_preview": shown.step}
    return answer


@router.get("/internal/pending-tasks")
async def pending_tasks(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Your requests of which nothing is drawn yet."""
    tasks = _waiting(await _open(parts, account))
    return {"size": len(tasks), "tasks": tasks}


@router.get("/queue/status")
async def queue_status(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """How many those are, at the address of Gradio by which a client sees that the web UI is there."""
    return {"msg": "estimation", "queue_size": len(_waiting(await _open(parts, account)))}


@router.post("/sdapi/v1/interrupt")
async def interrupt(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Stop all that you ask of this API: what is drawn already is answered with, the rest is not drawn.

    A request of many batches may still be writing them down: those that follow are stopped too.
    """
    requests = {job.request for job in await _open(parts, account)}
    for _ in range(MOST_LOOKS):
        is_whole = await _is_whole(parts, account, requests)  # asked first, so that the last one is stopped too
        for job in await _open(parts, account):
            if job.request in requests:
                await parts.jobs.cancel(account, job.id)
        if is_whole:
            break
        await asyncio.sleep(LOOK_SECONDS)
    return {}


@router.post("/sdapi/v1/skip")
async def skip(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Stop the batch that is drawn now; the others of its request are drawn all the same."""
    for job in _of_one_request(await _open(parts, account))[:1]:
        await parts.jobs.cancel(account, job.id)
    return {}


async def _is_whole(parts: Parts, account: str, requests: set[str | None]) -> bool:
    """Whether as many jobs are known of each of the requests as it will have."""
    known = await parts.jobs.page(account, MOST_OPEN, Wanted(api=API)) if requests else []
    mine = [[job for job in known if job.request == request] for request in requests]
    return all(len(jobs) == _of(jobs) for jobs in mine if jobs)


async def _open(parts: Parts, account: str) -> list[Job]:
    """What the account asked of this API and has not got yet, the oldest first."""
    jobs = await parts.jobs.page(account, MOST_OPEN, Wanted(api=API, states=STATES))
    return jobs[::-1]


def _waiting(jobs: list[Job]) -> list[str]:
    """The names of the requests of which nothing is drawn yet, the oldest first; only txt2img and img2img have one."""
    named = [(job.origin.said["task"], job) for job in jobs if "task" in job.origin.said]
    begun = {name for name, job in named if job.state is State.RUNNING}
    return [name for name in dict.fromkeys(name for name, _ in named) if name not in begun]


def _of_one_request(jobs: list[Job]) -> list[Job]:
    """Those of the first request of which something is drawn, or else of the oldest."""
    first = next((job for job in jobs if job.state is State.RUNNING), jobs[0] if jobs else None)
    return [job for job in jobs if first and job.request == first.request]


def _share(jobs: list[Job]) -> float:
    """Of a request, by its jobs that have not ended: 0 before the first step."""
    if not jobs:
        return 0.0
    of = _of(jobs)
    done = of - len(jobs) + sum(job.step / job.steps for job in jobs if job.steps)
    return min(1.0, done / of)


def _of(jobs: list[Job]) -> int:
    """How many jobs their request has in all."""
    return max(len(jobs), int(jobs[0].origin.said.get("of", 1)))


def _seconds(jobs: list[Job], now: float) -> float | None:
    known = [seconds for job in jobs if (seconds := job.seconds_left(now)) is not None]
    return max(known) if known else None


def _state(jobs: list[Job]) -> dict[str, Any]:
    first = next(iter(jobs), None)
    return {
        "skipped": False,
        "interrupted": False,
        "stopping_generation": False,
        "job": str(first.origin.said.get("task", "")) if first else "",
        "job_count": _of(jobs) if jobs else 0,
        "job_timestamp": time.strftime("%Y%m%d%H%M%S", time.localtime(first.created)) if first else "0",
        "job_no": _of(jobs) - len(jobs) if jobs else 0,
        "sampling_step": first.step if first else 0,
        "sampling_steps": first.steps if first else 0,
    }
