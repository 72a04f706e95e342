"""The models that are installed and that some address of this API draws or works with."""

from typing import Any

from fastapi import APIRouter

from pipelines.catalog import Catalog, Model
from pipelines.errors import ModelUnknown
from server.http.auth import TheAccount, TheCaller
from server.http.parts import TheParts
from server.keys import Caller

OWNER = "darkroom"
DRAWS = "text_to_image"
TASKS = {DRAWS, "image_to_image", "inpaint", "edit", "upscale", "remove_background"}

router = APIRouter(prefix="/v1/models")


@router.get("")
async def models(parts: TheParts, account: TheAccount, caller: TheCaller) -> dict[str, Any]:
    """The models that are installed and for your key, those that draw from text first."""
    return {"object": "list", "data": [_told(model) for model in _offered(parts.catalog, caller)]}


@router.get("/{model_id}")
async def model(model_id: str, parts: TheParts, account: TheAccount, caller: TheCaller) -> dict[str, Any]:
    """One of them."""
    for model in _offered(parts.catalog, caller):
        if model.id == model_id:
            return _told(model)
    raise ModelUnknown("No model of this name is installed: GET /v1/models lists those that are.", field="model")


def _offered(catalog: Catalog, caller: Caller) -> list[Model]:
    able = [model for model in catalog.models if TASKS & set(model.tasks) and catalog.is_installed(model)]
    return sorted((model for model in able if caller.may_use(model.id)), key=lambda model: DRAWS not in model.tasks)


def _told(model: Model) -> dict[str, Any]:
    """created: what nobody knows is 0, because the vendor's clients want a number."""
    return {"id": model.id, "object": "model", "created": 0, "owned_by": OWNER}
