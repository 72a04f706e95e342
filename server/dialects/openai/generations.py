"""POST /v1/images/generations: pictures of a prompt."""

from typing import Any

from fastapi import APIRouter, Request, Response

from server.bodies.addressed import own_first, with_pictures
from server.dialects.openai import planned
from server.dialects.openai.answering import Asking
from server.dialects.openai.asked import Generation
from server.dialects.openai.streaming import drawn_or_streamed
from server.http.auth import TheAccount
from server.http.body import check, described, read_json
from server.http.parts import TheParts

EXAMPLE = {"prompt": "a red star", "n": 1, "size": "auto", "response_format": "url"}
EXAMPLE_ANSWER = {
    "created": 1735689600,
    "data": [{"url": "http://127.0.0.1:8080/files/k3l...png", "seed": 7}],
    "background": "opaque",
    "output_format": "png",
    "quality": "medium",
    "size": "128x128",
    "usage": None,
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"example": EXAMPLE_ANSWER}, "text/event-stream": {}}}
}

router = APIRouter(prefix="/v1/images")


@router.post("/generations", response_class=Response, openapi_extra=described(Generation, EXAMPLE), responses=ANSWERS)
async def generate(request: Request, parts: TheParts, account: TheAccount) -> Response:
    """Draw pictures of a prompt.

    `size` is the model's own where it is absent or auto. `quality` sets the steps where `steps` does not: low is half
    the model's own number, high one and a half times, xhigh twice, max three times. `output_compression` is the quality
    of jpeg and webp, 100 the best. `url` results need no key and end with the image. With `stream` the answer is
    events: up to `partial_images` previews, then each picture.
    """
    value = {name: item for name, item in (await read_json(request)).items() if item is not None}
    asked = await with_pictures(check(Generation, value), own_first(request, parts, account))
    plan = planned.generation(asked, await asked.settings(), parts.catalog)
    return await drawn_or_streamed(Asking(request, parts, account, asked, plan, value), asked, "image_generation")
