"""The machine itself: its memory, and what is loaded into it, which concerns the whole server."""

import asyncio
import os
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from server.dialects.a1111.naming import model_called
from server.dialects.a1111.options import CHECKPOINT, chosen
from server.http.auth import TheAccount, TheOperator
from server.http.parts import Parts, TheParts

STATM = Path("/proc/self/statm")  # its second number is the resident set, in pages: proc(5)

router = APIRouter(prefix="/sdapi/v1")


@router.get("/memory")
async def memory(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Bytes of the machine's memory, of which `used` is this process's. The GPU's own are not told: see /metrics."""
    return {"ram": _ram(), "cuda": {"error": "unavailable"}}


@router.post("/refresh-checkpoints")
@router.post("/refresh-vae")
@router.post("/refresh-loras")
@router.post("/refresh-embeddings")
async def refresh(parts: TheParts, operator: TheOperator) -> None:
    """Look at the models folder again; one look finds files of every kind."""
    await asyncio.to_thread(parts.catalog.rescan)


@router.post("/unload-checkpoint")
async def unload(parts: TheParts, operator: TheOperator) -> dict[str, Any]:
    """Give back what the models take, once the jobs that are drawn with them have ended. The next one loads its own."""
    for model in parts.worker.health().loaded_models:
        parts.worker.wish(model, loaded=False)
    return {}


@router.post("/reload-checkpoint")
async def reload(parts: TheParts, operator: TheOperator) -> dict[str, Any]:
    """Load the model that draws for your account, before a request needs it."""
    parts.worker.wish(await _model_of(parts, operator.account), loaded=True)
    return {}


async def _model_of(parts: Parts, account: str) -> str:
    name = (await chosen(parts, account)).get(CHECKPOINT)
    return (model_called(parts.catalog, name) if name else parts.catalog.default()).id


def _ram() -> dict[str, Any]:
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total = os.sysconf("SC_PHYS_PAGES") * page
        used = int(STATM.read_text(encoding="ascii").split()[1]) * page
    except (OSError, ValueError):
        return {"error": "unavailable"}
    return {"free": total - used, "used": used, "total": total}
