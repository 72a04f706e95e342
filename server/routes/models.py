"""What the catalogue has, installed or not."""

import asyncio
from typing import Any

from fastapi import APIRouter

from pipelines.catalog import Catalog, Model
from server.http.auth import TheAccount, TheCaller, TheOperator
from server.http.parts import TheParts

router = APIRouter(prefix="/darkroom/v1", tags=["models"])


@router.get("/models")
async def models(parts: TheParts, account: TheAccount, caller: TheCaller) -> dict[str, Any]:
    """Every model that your key may use with what it can do; `darkroom pull NAME` installs one that is not there."""
    catalog = parts.catalog
    return {"models": [_described(catalog, model) for model in catalog.models if caller.may_use(model.id)]}


@router.post("/models/rescan")
async def rescan(parts: TheParts, operator: TheOperator) -> dict[str, list[str]]:
    """Look at the models folder again, after files were put there or taken away: which ids came, went and changed."""
    found = await asyncio.to_thread(parts.catalog.rescan)
    return {name: list(ids) for name, ids in found._asdict().items()}


def _described(catalog: Catalog, model: Model) -> dict[str, Any]:
    fields = {"id", "name", "kind", "description", "licence", "defaults", "native_sizes", "limits", "price", "vae"}
    return {
        **model.model_dump(mode="json", include=fields),
        "tasks": list(model.tasks),
        "size_bytes": model.size_bytes,
        "installed": catalog.is_installed(model),
    }
