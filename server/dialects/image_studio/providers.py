"""Providers: the names by which clients of cloud services ask for families of the models that are installed here."""

from math import isqrt
from typing import Any, Literal, get_args

from fastapi import APIRouter

from pipelines.catalog import Catalog, Meant, Model, Resolution
from server.credits.prices import credits, units
from server.dialects.image_studio.wording import PREFIX
from server.http.auth import TheAccount, TheCaller
from server.http.parts import TheParts

OURS = "darkroom"
NAMES = {
    OURS: "Darkroom",
    "stability": "Stability AI",
    "wavespeed": "WaveSpeed AI",
    "huggingface": "HuggingFace",
    "gemini": "Gemini",
}
Provider = Literal["auto", "darkroom", "stability", "wavespeed", "huggingface", "gemini"]
# What a provider can do, by the kinds of jobs of our API of which one is enough.
CAPABILITIES = {
    "generation": {"text_to_image"},
    "editing": {"image_to_image", "inpaint", "outpaint", "edit", "remove_background", "search_and_replace"},
    "upscaling": {"upscale"},
}
RESOLUTIONS: tuple[Resolution, ...] = get_args(Resolution)

router = APIRouter(prefix=PREFIX)


def meant(catalog: Catalog, provider: Provider | None, model: str | None, task: str) -> Meant:
    """The model for a task of our API, such as `inpaint`: the one named, or else the provider's.

    Raises ModelUnknown (see `wording.in_body`) and ModelNotInstalled.
    """
    family = provider if provider is not None and catalog.aliases.get(provider) else None
    return catalog.meant(model or family, task)


def provider_of(asked: Provider | None) -> str:
    """As the answer names it."""
    return OURS if asked in (None, "auto") else asked


@router.get("/providers")
async def providers(parts: TheParts, account: TheAccount, caller: TheCaller) -> dict[str, Any]:
    """Whom you may ask for, and what they are here: families of models that are installed and for your key."""
    usable = [model for model in parts.catalog.models if parts.catalog.is_installed(model) and caller.may_use(model.id)]
    families = {provider: _family(parts.catalog, provider, usable) for provider in NAMES}
    return {"providers": {provider: _told(provider, models) for provider, models in families.items() if models}}


def _family(catalog: Catalog, provider: str, usable: list[Model]) -> list[Model]:
    """The models that the provider's alias names, or all where it names none, that can do something by themselves."""
    named = catalog.aliases.get(provider, ())
    return [model for model in usable if model.tasks and (not named or model.id in named)]


def _told(provider: str, models: list[Model]) -> dict[str, Any]:
    """max_resolution: the largest square. Lanczos enlarges without any model."""
    tasks = {task for model in models for task in model.tasks} | {"upscale"}
    sides = [min(model.limits.max_side, isqrt(model.limits.max_pixels)) for model in models]
    prices = [model.price.of(resolution) for model in models for resolution in RESOLUTIONS]
    cheap, dear = (f"{credits(units(price))}" for price in (min(prices), max(prices)))
    return {
        "name": NAMES[provider],
        "models": [model.id for model in models],
        "capabilities": [name for name, kinds in CAPABILITIES.items() if kinds & tasks],
        "max_resolution": f"{max(sides)}x{max(sides)}",
        "cost_range": f"{cheap} credits" if cheap == dear else f"{cheap}-{dear} credits",
    }
