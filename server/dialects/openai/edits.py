"""POST /v1/images/edits and /v1/images/variations: given pictures, drawn anew."""

from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response

from server import decode
from server.bodies.addressed import own_first, with_pictures
from server.dialects.openai import planned
from server.dialects.openai.answering import Asking
from server.dialects.openai.asked import Answered, Edit, Variation
from server.dialects.openai.generations import ANSWERS
from server.dialects.openai.planned import Planned
from server.dialects.openai.streaming import drawn_or_streamed
from server.http.auth import TheAccount
from server.http.body import check
from server.http.forms import described_form, read_form
from server.http.parts import Parts, TheParts

SomeAsked = TypeVar("SomeAsked", bound=Answered)
EXAMPLE = {"prompt": "a big blue circle on a white background", "size": "auto", "response_format": "b64_json"}

router = APIRouter(prefix="/v1/images")


@router.post("/edits", response_class=Response, openapi_extra=described_form(Edit, EXAMPLE), responses=ANSWERS)
async def edit(request: Request, parts: TheParts, account: TheAccount) -> Response:
    """Draw the first image anew, where the mask is transparent or, without a mask, all of it as the prompt says.

    Up to 15 more images (`image[]`) are what it is to look like. `size` is the image's own where it is absent or auto.
    """
    asked, value = await read(request, parts, account, Edit)
    asking = Asking(request, parts, account, asked, await plan(asked, parts), value)
    return await drawn_or_streamed(asking, asked, "image_edit")


@router.post(
    "/variations",
    response_class=Response,
    openapi_extra=described_form(Variation, {"n": 1, "size": "auto"}),
    responses=ANSWERS,
)
async def vary(request: Request, parts: TheParts, account: TheAccount) -> Response:
    """Draw an image over, so that it becomes another one of its kind: `strength` says how far from it."""
    asked, value = await read(request, parts, account, Variation)
    image = await decode.picture(asked.image, "image")
    plan = planned.variation(asked, await asked.settings(), image, parts.catalog)
    return await drawn_or_streamed(Asking(request, parts, account, asked, plan, value), asked, "image_edit")


async def read(
    request: Request, parts: Parts, account: str, model: type[SomeAsked]
) -> tuple[SomeAsked, dict[str, Any]]:
    """The form as a model, and as it came. Raises BodyInvalid, BodyTooLarge, and what fetching raises."""
    value = await read_form(request, parts.settings.max_body_bytes)
    return await with_pictures(check(model, value, strict=False), own_first(request, parts, account)), value


async def plan(asked: Edit, parts: Parts) -> Planned:
    """Raises ImageInvalid and what planning raises."""
    image, *references = [await decode.picture(image, "image") for image in asked.image]
    settings = await asked.settings()
    if asked.mask is None:
        return planned.whole_edit(asked, settings, image, references, parts.catalog)
    mask = await decode.holes(asked.mask, "mask")
    return planned.masked_edit(asked, settings, image, mask, references, parts.catalog)
