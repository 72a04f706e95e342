"""Edit Studio: a given picture with another background, part, colour or light, or with more around it."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog, Meant
from pipelines.colours import named_in
from pipelines.planning import first_installed
from server.bodies.possible import hindrances
from server.dialects.image_studio.answering import answered, naming, read, unused
from server.dialects.image_studio.operations import COMPOSED, EXPANDED, OPERATIONS, RECOLOURED, SIDES, WHOLE, listed
from server.dialects.image_studio.pictures import OutputFormat, Picture, drawn, dressed, encoding_of, told
from server.dialects.image_studio.providers import OURS, Provider, meant, provider_of
from server.dialects.image_studio.ways import Way, task_of
from server.dialects.image_studio.wording import PREFIX, in_body
from server.errors import BodyInvalid
from server.http.auth import TheAccount
from server.http.body import LONGEST_PROMPT, Body, Name, Seed, Text, described
from server.http.parts import Parts, TheParts

MOST_EXPANDED = 4096  # pixels a side
MOST_OPTIONS = 50
COMPOSED_STRENGTH = 0.3  # more, and what was put together becomes something else
ALWAYS_USED = ("image_base64", "operation", "provider", "model", "output_format", "options")

Expansion = Annotated[int, Field(ge=0, le=MOST_EXPANDED)]


class Edit(Body):
    """The body of POST /api/image-studio/edit/process."""

    image_base64: Picture
    operation: Literal[tuple(OPERATIONS)]  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    prompt: Text | None = None
    negative_prompt: Text | None = None
    mask_base64: Picture | None = None
    search_prompt: Text | None = None
    select_prompt: Text | None = None
    background_image_base64: Picture | None = None
    lighting_image_base64: Picture | None = None
    expand_left: Expansion = 0
    expand_right: Expansion = 0
    expand_up: Expansion = 0
    expand_down: Expansion = 0
    provider: Provider | None = None
    model: Name | None = None
    style_preset: Name | None = None
    guidance_scale: float | None = None
    steps: int | None = None
    seed: Seed | None = None
    output_format: OutputFormat = "png"
    options: Annotated[dict[str, Any], Field(default_factory=dict, max_length=MOST_OPTIONS)]


router = APIRouter(prefix=PREFIX)
EXAMPLE = {"image_base64": "data:image/png;base64,iVBORw0KGgo...", "operation": "remove_background"}


@router.post("/edit/process", openapi_extra=described(Edit, EXAMPLE))
async def process(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Edit a picture. White in a mask is drawn anew. What the operation has no use for is named in a header.

    `options` may hold what a job of our own API takes for the same: `strength`, `mask_blur`, `feather`, `threshold`...
    """
    asked, value = await read(request, Edit)
    way = way_of(asked)
    with in_body():
        by = _meant(parts.catalog, asked, way)
        task = await task_of(parts.catalog, way.kind, _job(parts, asked, way, by))
    image = await drawn(request, parts, account, task, encoding_of(asked.output_format))
    said = {"operation": asked.operation, "provider": provider_of(asked.provider)}
    headers = naming(told(Edit, value, by), _unused(asked, way))
    return await answered(image, parts, said, {"operation": asked.operation}, headers)


@router.get("/edit/operations")
async def operations(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Every operation, whether the models for it are installed, and which fields it has a use for with those."""
    hindered = await asyncio.to_thread(hindrances, parts.catalog)
    possible = {kind for kind, hindrance in hindered.items() if hindrance is None}
    return {"operations": {name: listed(operation, possible) for name, operation in OPERATIONS.items()}}


def way_of(asked: Edit) -> Way:
    """By what was sent with the operation. Raises BodyInvalid where something is missing."""
    operation = OPERATIONS[asked.operation]
    way = operation.way(asked)
    if way is EXPANDED and not any(getattr(asked, side) for side in SIDES):
        raise BodyInvalid(f"Expansion is required for {operation.noun}", field="expand_left")
    return way


def _meant(catalog: Catalog, asked: Edit, way: Way) -> Meant | None:
    """None where nobody is named: the planning takes the first that is installed, or does without."""
    if asked.model is None and asked.provider in (None, "auto", OURS):
        return None
    is_drawn_over = way is WHOLE and first_installed(catalog, "sdxl-edit") is None
    return meant(catalog, asked.provider, asked.model, "image_to_image" if is_drawn_over else way.task)


def _job(parts: Parts, asked: Edit, way: Way, by: Meant | None) -> dict[str, Any]:
    """As our own API would have it. Raises EntryUnknown."""
    value = way.value(asked, asked.options) | {"image": asked.image_base64}
    if by is not None:
        value[way.model] = by.model.id
    if way is RECOLOURED:
        value["colour"] = asked.options.get("colour") or _colour(value["colour"])
    if way.is_drawn:
        limit = LONGEST_PROMPT if by is None else by.model.limits.max_prompt_chars
        words = dressed(parts, asked.prompt or "", asked.negative_prompt or "", asked.style_preset, limit)
        value |= {"prompt": words.prompt, "negative_prompt": words.negative_prompt}
    if way is COMPOSED and value["prompt"]:
        value.setdefault("strength", COMPOSED_STRENGTH)
    return value


def _colour(prompt: str) -> str:
    colour = named_in(prompt)
    if colour is None:
        raise BodyInvalid("The prompt names no colour: write one, such as teal or #008080.", field="prompt")
    return colour


def _unused(asked: Edit, way: Way) -> list[str]:
    used = {*ALWAYS_USED, *way.takes, *(["style_preset"] if way.is_drawn else [])}
    strange = sorted(f"options.{name}" for name in asked.options if name not in way.options)
    return [*unused(asked, used), *strange]
