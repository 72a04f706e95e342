"""A generation by its id, whichever endpoint it came by."""

from typing import Any

from fastapi import APIRouter, Request

from server.dialects.imagegen_v2.asking import shown
from server.dialects.imagegen_v2.spelled import API, GENERATION, PREFIX, own_id
from server.errors import JobUnknown
from server.http.auth import TheAccount
from server.http.parts import TheParts

router = APIRouter(prefix=PREFIX)


@router.get("/generations/{gen_id}")
async def show(gen_id: str, request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """A generation as it is now, with its results once there are any."""
    job = await parts.jobs.status(account, own_id(GENERATION, gen_id))
    if job.origin.api != API or "is_part" in job.origin.said:
        raise JobUnknown
    return await shown(request, parts, job)
