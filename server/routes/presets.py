"""Presets: named prompts with variables, of the data files and of your own, and what they say once filled in."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field

from server.http.auth import TheAccount
from server.http.body import Body, Name, Text, check, described, read_json
from server.http.parts import TheParts
from server.prompts.presets import Preset
from server.prompts.saved import Saved

MOST_VALUES = 64
EXAMPLE = {
    "name": "Poster",
    "description": "A poster of anything.",
    "prompt": "a poster of {{subject}}",
    "requirements": {"subject": {"label": "What is on it", "max_length": 80}},
}

router = APIRouter(prefix="/darkroom/v1", tags=["presets"])


class Values(Body):
    """`files`: how many pictures go with it, by the names of requirements of type file. `prompt` is added after it."""

    variables: Annotated[dict[Name, str | int | float], Field(max_length=MOST_VALUES)] = Field(default_factory=dict)
    files: Annotated[dict[Name, Annotated[int, Field(ge=0, le=MOST_VALUES)]], Field(max_length=MOST_VALUES)] = Field(
        default_factory=dict
    )
    prompt: Text = ""


def told(saved: Saved) -> dict[str, Any]:
    return {"id": saved.id, "own": saved.own, **saved.preset.model_dump(mode="json")}


@router.get("/presets")
async def presets(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Named prompts with variables, and what each variable must be; `own` are those that you saved."""
    return {"presets": [told(saved) for saved in await parts.presets.all(account)]}


@router.post("/presets", status_code=201, openapi_extra=described(Preset, EXAMPLE))
async def save(request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Save a preset of your own."""
    return told(await parts.presets.save(account, check(Preset, await read_json(request))))


@router.get("/presets/{preset_id}")
async def show(preset_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """One of them."""
    return told(await parts.presets.find(account, preset_id))


@router.put("/presets/{preset_id}", openapi_extra=described(Preset, EXAMPLE))
async def replace(preset_id: str, request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Write one of your own anew, as a whole."""
    return told(await parts.presets.replace(account, preset_id, check(Preset, await read_json(request))))


@router.delete("/presets/{preset_id}", status_code=204)
async def remove(preset_id: str, parts: TheParts, account: TheAccount) -> None:
    """Remove one of your own."""
    await parts.presets.remove(account, preset_id)


@router.post("/presets/{preset_id}/render", openapi_extra=described(Values, {"variables": {"subject": "the sea"}}))
async def render(preset_id: str, request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """The prompt of a preset with its variables filled in. Nothing in a value is looked at again.

    `files` are the requirements whose pictures go with it, in the preset's order.
    """
    asked = check(Values, await read_json(request))
    saved = await parts.presets.find(account, preset_id)
    return asdict(saved.preset.render(asked.variables, asked.files, asked.prompt))
