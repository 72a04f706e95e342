"""What can be asked for right now, for clients that adapt to the server that they meet."""

import asyncio
from typing import Any, get_args

from fastapi import APIRouter

from pipelines.catalog import Catalog, Model
from pipelines.tasks import ANNOTATORS, SAMPLERS
from server.bodies.job import HIGHEST_PRIORITY, LONGEST_TIMEOUT_SECONDS
from server.bodies.possible import hindrances
from server.decode import FORMATS, LEAST_SIDE, MOST_PIXELS, MOST_SIDE
from server.http.auth import TheAccount, TheCaller
from server.http.body import LONGEST_PROMPT
from server.http.parts import TheParts
from server.images import Format
from server.routes.models import described
from server.settings import Settings

router = APIRouter(prefix="/darkroom/v1", tags=["models"])


@router.get("/capabilities")
async def capabilities(parts: TheParts, account: TheAccount, caller: TheCaller) -> dict[str, Any]:
    """The kinds of jobs, each with what hinders it now, if anything; the models, samplers, formats, limits.

    Models are those that are installed and that your key may use; a kind of jobs without any needs none.
    """
    catalog, health = parts.catalog, parts.worker.health()
    usable = [model for model in catalog.models if catalog.is_installed(model) and caller.may_use(model.id)]
    return {
        "tasks": await asyncio.to_thread(_tasks, catalog, usable),
        "models": [described(catalog, model, health) for model in usable],
        "samplers": list(SAMPLERS),
        "annotators": list(ANNOTATORS),
        "formats": {"read": [name.lower() for name in FORMATS], "written": list(get_args(Format))},
        "limits": _limits(parts.settings),
    }


def _tasks(catalog: Catalog, usable: list[Model]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "possible": hindrance is None,
            "hindrance": hindrance,
            "models": [model.id for model in usable if name in model.tasks],
        }
        for name, hindrance in hindrances(catalog).items()
    ]


def _limits(settings: Settings) -> dict[str, Any]:
    """Sides and pixels are of pictures that are sent; those of what is drawn are the models' own."""
    return {
        "body_bytes": settings.max_body_bytes,
        "queued_jobs": settings.max_queue,
        "request_seconds": settings.request_seconds,
        "image_seconds": settings.image_ttl_seconds,
        "prompt_characters": LONGEST_PROMPT,
        "priority": HIGHEST_PRIORITY,
        "timeout_seconds": LONGEST_TIMEOUT_SECONDS,
        "min_side": LEAST_SIDE,
        "max_side": MOST_SIDE,
        "max_pixels": MOST_PIXELS,
    }
