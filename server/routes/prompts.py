"""What prompts can be made of, and better prompts: templates, styles, formats, personas, the enhancer."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from server.http.auth import TheAccount
from server.http.body import LONGEST_PROMPT, Body, Name, Prompt, Seed, Text, check, described, read_json
from server.http.parts import TheParts
from server.prompts.finding import of_kind, recommended, searched
from server.prompts.looks import Looks

router = APIRouter(prefix="/darkroom/v1", tags=["prompts"])

Filter = Annotated[str | None, Query(max_length=200)]


class Wish(Body):
    """A prompt to enhance. `social_template` is one of `templates`, `template` one of `enhancement_templates`."""

    prompt: Prompt
    negative_prompt: Text = ""
    template: Name = "general"
    seed: Seed = 0
    max_length: Annotated[int, Field(ge=1, le=LONGEST_PROMPT)] = LONGEST_PROMPT
    style: Name | None = None
    artistic: Name | None = None
    lighting: Name | None = None
    camera: Name | None = None
    persona: Name | None = None
    social_template: Name | None = None


@router.get("/templates")
async def templates(
    parts: TheParts,
    account: TheAccount,
    platform: Filter = None,
    category: Filter = None,
    query: Filter = None,
    use_case: Filter = None,
) -> dict[str, Any]:
    """Templates for social media and the like, and those of the enhancer.

    `platform` and `category` filter the former, `query` searches them, `use_case` recommends some, the best first.
    """
    found = of_kind(parts.library.now, platform, category)
    if query is not None:
        found = searched(found, query)
    if use_case is not None:
        found = recommended(found, use_case)
    return {"templates": _listed(found), "enhancement_templates": _listed(parts.library.now.enhancement)}


@router.get("/styles")
async def styles(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Style presets, and vocabularies such as lighting, camera and artistic, each with its terms by id."""
    content = parts.library.now
    return {"styles": _listed(content.styles), "vocabularies": _listed(content.vocabularies)}


@router.get("/formats")
async def formats(parts: TheParts, account: TheAccount, platform: Filter = None) -> dict[str, Any]:
    """Platforms with the sizes, safe zones and files of what they show; `platform` names one of them."""
    content = parts.library.now
    names = [content.platform_id(platform)] if platform is not None else list(content.formats)
    return {"platforms": [_platform(name, content.formats[name]) for name in names]}


@router.get("/personas")
async def personas(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """How brands look in every picture."""
    return {"personas": _listed(parts.library.now.personas)}


@router.post(
    "/prompts/enhance", openapi_extra=described(Wish, {"prompt": "a red star", "template": "sticker", "seed": 7})
)
async def enhance(request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """A better prompt for the same picture, the one that came beside it, and who enhanced it.

    Style, light and the like are added by name; then the enhancer follows its template. The rules give the same words
    for the same seed. `fell_back` says in a word why they took the place of the operator's language model.
    """
    asked = check(Wish, await read_json(request))
    looks = Looks(
        style=asked.style, artistic=asked.artistic, lighting=asked.lighting, camera=asked.camera,
        social_template=asked.social_template, persona=asked.persona,
    )  # fmt: skip
    enhanced = await parts.enhancer.enhance(
        asked.prompt, asked.negative_prompt,
        template=asked.template, looks=looks, seed=asked.seed, limit=asked.max_length,
    )  # fmt: skip
    return asdict(enhanced)


@router.post("/prompts/reload")
async def reload(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Read the data files again; a mistake in one of them leaves all as they were."""
    await asyncio.to_thread(parts.library.reload)
    content = parts.library.now
    return {kind: len(getattr(content, kind)) for kind in content.__slots__}


def _listed(entries: Mapping[str, BaseModel]) -> list[dict[str, Any]]:
    return [{"id": name, **entry.model_dump(mode="json")} for name, entry in entries.items()]


def _platform(name: str, platform: BaseModel) -> dict[str, Any]:
    fields = platform.model_dump(mode="json")
    return {"id": name, **fields, "formats": [{"id": each, **format_} for each, format_ in fields["formats"].items()]}
