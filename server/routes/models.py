"""What the catalogue has, installed or not, loaded or not; and models loaded before they are needed."""

import asyncio
from typing import Any

from fastapi import APIRouter

from pipelines.catalog import Catalog, Model
from pipelines.engine.protocol import Health
from pipelines.errors import ModelNotInstalled
from server.errors import ModelNotAllowed, NotOffered
from server.http.auth import TheAccount, TheCaller, TheOperator
from server.http.parts import Parts, TheParts

router = APIRouter(prefix="/darkroom/v1", tags=["models"])


@router.get("/models")
async def models(parts: TheParts, account: TheAccount, caller: TheCaller) -> dict[str, Any]:
    """Every model that your key may use with what it can do; `darkroom pull NAME` installs one that is not there.

    `state` is not_installed, installed, loading or loaded; what only serves others is never said to be loaded.
    `load_error` says what hindered the last wish to load it. `pull` is null: this server does not download by itself.
    """
    catalog, health = parts.catalog, parts.worker.health()
    return {"models": [described(catalog, model, health) for model in catalog.models if caller.may_use(model.id)]}


@router.get("/models/{model_id}")
async def show(model_id: str, parts: TheParts, account: TheAccount, caller: TheCaller) -> dict[str, Any]:
    """One of them, by its id."""
    model = parts.catalog.get(model_id)
    if not caller.may_use(model.id):
        raise ModelNotAllowed
    return described(parts.catalog, model, parts.worker.health())


@router.post("/models/rescan")
async def rescan(parts: TheParts, operator: TheOperator) -> dict[str, list[str]]:
    """Look at the models folder again, after files were put there or taken away: which ids came, went and changed."""
    found = await asyncio.to_thread(parts.catalog.rescan)
    return {name: list(ids) for name, ids in found._asdict().items()}


@router.post("/models/{model_id}/load", status_code=202)
async def load(model_id: str, parts: TheParts, operator: TheOperator) -> dict[str, Any]:
    """Load a model that draws, before a job needs it. Where there is no room, the least recently used one goes."""
    model = _that_draws(parts, model_id)
    if not parts.catalog.is_installed(model):
        raise ModelNotInstalled("The model is known but not installed: `darkroom pull` gets it.", field="model_id")
    parts.worker.wish(model.id, loaded=True)
    return described(parts.catalog, model, parts.worker.health())


@router.post("/models/{model_id}/unload", status_code=202)
async def unload(model_id: str, parts: TheParts, operator: TheOperator) -> dict[str, Any]:
    """Give back what a model takes, once the jobs that are drawn with it have ended. The next one loads it again."""
    model = _that_draws(parts, model_id)
    parts.worker.wish(model.id, loaded=False)
    return described(parts.catalog, model, parts.worker.health())


def described(catalog: Catalog, model: Model, health: Health) -> dict[str, Any]:
    """What our own API says of a model."""
    fields = {"id", "name", "kind", "description", "licence", "defaults", "native_sizes", "limits", "price", "vae"}
    is_installed = catalog.is_installed(model)
    hindered = {name: {"code": code, "message": sentence} for name, code, sentence in health.not_loaded}
    return {
        **model.model_dump(mode="json", include=fields),
        "tasks": list(model.tasks),
        "size_bytes": model.size_bytes,
        "installed": is_installed,
        "state": _state(model.id, health) if is_installed else "not_installed",
        "load_error": hindered.get(model.id),
        "pull": None,
    }


def _state(model_id: str, health: Health) -> str:
    if model_id in health.loaded_models:
        return "loaded"
    return "loading" if model_id in health.loading else "installed"


def _that_draws(parts: Parts, model_id: str) -> Model:
    """Raises ModelUnknown and NotOffered."""
    model = parts.catalog.get(model_id)
    if model.defaults is None:
        raise NotOffered("Only models that draw are loaded by themselves; others are when a job needs them.")
    return model
