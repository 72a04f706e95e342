"""A generation by its id, whichever endpoint it came by."""

from typing import Any

from fastapi import APIRouter

from server.dialects.imagegen_v2.spelled import API, GENERATION, STATUS_OF, own_id, spelled
from server.errors import JobUnknown
from server.http.auth import TheAccount
from server.http.parts import TheParts

router = APIRouter()


@router.get("/generations/{generation_id}")
async def show(generation_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """A generation as it is now."""
    job = await parts.jobs.status(account, own_id(GENERATION, generation_id))
    if job.origin.api != API:
        raise JobUnknown
    return {"id": spelled(job.id), "status": STATUS_OF[job.state]}
