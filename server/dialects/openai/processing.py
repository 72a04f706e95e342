"""POST /v1/images/upscale and /v1/images/remove-background: given pictures enlarged or cut out, answered alike."""

from fastapi import APIRouter, Request, Response

from server import decode
from server.dialects.openai import planned
from server.dialects.openai.answering import Asking
from server.dialects.openai.asked import Cutout, Enlargement
from server.dialects.openai.drawing import drawn
from server.dialects.openai.edits import read
from server.http.auth import TheAccount
from server.http.forms import described_form
from server.http.parts import TheParts

router = APIRouter(prefix="/v1/images")


@router.post("/upscale", openapi_extra=described_form(Enlargement, {"scale": 2, "response_format": "b64_json"}))
async def upscale(request: Request, parts: TheParts, account: TheAccount) -> Response:
    """Enlarge an image `scale` times, or to `size`, or else four times.

    By a network where one is installed; `mode` insists: fast is without, conservative with one, creative draws over the
    result, to which alone `prompt`, `strength` and the like belong.
    """
    asked, value = await read(request, parts, account, Enlargement)
    image = await decode.picture_with_alpha(asked.image, "image")
    plan = planned.enlargement(asked, image, parts.catalog)
    return await drawn(Asking(request, parts, account, asked, plan, value))


@router.post("/remove-background", openapi_extra=described_form(Cutout, {"response_format": "b64_json"}))
async def remove_background(request: Request, parts: TheParts, account: TheAccount) -> Response:
    """Cut out what stands out in an image, or give its mask."""
    asked, value = await read(request, parts, account, Cutout)
    image = await decode.picture_with_alpha(asked.image, "image")
    plan = planned.cutout(asked, image, parts.catalog)
    return await drawn(Asking(request, parts, account, asked, plan, value))
