"""Is the process alive, and could it draw: open to everybody, so that balancers and containers can ask."""

from fastapi import APIRouter
from starlette.responses import JSONResponse

from server.checks import problems_of
from server.http.parts import TheParts

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """200 while the server answers at all."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "It could not draw right now; `problems` says why."}})
async def readyz(parts: TheParts) -> JSONResponse:
    """200 when a picture could be drawn and kept right now; being busy changes nothing of that."""
    health = parts.worker.health()
    problems = await problems_of(parts.checks)
    status = "stopping" if parts.jobs.is_closed else "not ready" if problems else "ready"
    body = {
        "status": status,
        "problems": problems,
        "state": health.state,
        "device": health.device,
        "models": list(health.loaded_models),
        "running": health.running,
        "waiting": health.waiting,
    }
    return JSONResponse(body, 200 if status == "ready" else 503)
