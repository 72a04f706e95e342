"""Is the process alive, and could it draw: open to everybody, so that balancers and containers can ask."""

from fastapi import APIRouter
from starlette.responses import JSONResponse

from server.http.parts import TheParts

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """200 while the server answers at all."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "It could not draw right now; `state` says why."}})
async def readyz(parts: TheParts) -> JSONResponse:
    """200 when a picture could be drawn right now: the model is loaded and the drawing thread shows life."""
    health = parts.worker.health()
    is_fresh = health.seconds_since_beat <= parts.settings.stale_beat_seconds
    is_ready = health.ready and is_fresh
    body = {
        "status": "ready" if is_ready else "not ready",
        "state": health.state if is_fresh else "silent",
        "device": health.device,
        "models": list(health.loaded_models),
        "running": health.running,
        "waiting": health.waiting,
    }
    return JSONResponse(body, 200 if is_ready else 503)
