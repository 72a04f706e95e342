"""Providers: the names by which clients of cloud services ask for families of the models that are installed here."""

from typing import Any, Literal

from fastapi import APIRouter

from pipelines.catalog import Catalog, Meant
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

router = APIRouter()


def meant(catalog: Catalog, provider: Provider | None, model: str | None, task: str) -> Meant:
    """The model for a task of our API, such as `inpaint`: the one named, or else the provider's.

    Raises ModelUnknown (see `wording.in_body`) and ModelNotInstalled.
    """
    return catalog.meant(model or (provider if provider not in (None, "auto", OURS) else None), task)


def provider_of(asked: Provider | None) -> str:
    """As the answer names it."""
    return OURS if asked in (None, "auto") else asked


@router.get("/providers")
async def providers(parts: TheParts, account: TheAccount, caller: TheCaller) -> dict[str, Any]:
    """Whom you may ask for, and what they are here: families of models that are installed and for your key."""
    raise NotImplementedError
