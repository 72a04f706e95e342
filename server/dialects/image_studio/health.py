"""Whether each part of the studio can do its work now."""

from typing import Any

from fastapi import APIRouter

from server.http.parts import TheParts

router = APIRouter()


@router.get("/health")
async def health(parts: TheParts) -> dict[str, Any]:
    """Every module: available, or unavailable where no model that it needs is installed."""
    raise NotImplementedError
