"""Whether each part of the studio can do its work now."""

import asyncio
from typing import Any

from fastapi import APIRouter

from server.bodies.possible import hindrances
from server.checks import problems_of
from server.dialects.image_studio.pictures import API
from server.dialects.image_studio.wording import PREFIX
from server.http.auth import TheAccount
from server.http.parts import TheParts

VERSION = "1.0.0"
# The kinds of jobs of our API that a module is made of; it is available while any of them is possible.
MODULES = {
    "create_studio": ("text_to_image",),
    "edit_studio": ("inpaint", "outpaint", "edit", "remove_background"),
    "upscale_studio": ("upscale",),
    "social_optimizer": ("crop",),
}
STEERING = ("controlnet", "ip-adapter")  # kinds of models of which control_studio needs one
ALWAYS = ("templates", "providers")  # they need nothing that draws

router = APIRouter(prefix=PREFIX)


@router.get("/health")
async def health(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Every module: unavailable where no model for it is installed, and all that draw while nothing can be drawn."""
    problems, hindered = await asyncio.gather(problems_of(parts.checks), asyncio.to_thread(hindrances, parts.catalog))
    able = {name: any(hindered[kind] is None for kind in kinds) for name, kinds in MODULES.items()}
    able["control_studio"] = able["create_studio"] and any(
        model.kind in STEERING and parts.catalog.is_installed(model) for model in parts.catalog.models
    )
    able = {name: is_able and not problems for name, is_able in able.items()} | dict.fromkeys(ALWAYS, True)
    return {
        "status": "unhealthy" if problems else "healthy" if all(able.values()) else "degraded",
        "service": API,
        "version": VERSION,
        "modules": {name: "available" if is_able else "unavailable" for name, is_able in able.items()},
    }
