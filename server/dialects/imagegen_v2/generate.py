"""Text-to-image, image-to-image and inpainting."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from PIL import Image as Pillow
from starlette.responses import JSONResponse

from pipelines.analysis import marked
from pipelines.catalog import Model
from pipelines.tasks import Raster
from server import decode
from server.accounts import Preferences
from server.bodies.job import ADDRESS
from server.dialects.imagegen_v2 import bodies, tasks
from server.dialects.imagegen_v2.answers import box
from server.dialects.imagegen_v2.asking import Wish, answered, described, read
from server.dialects.imagegen_v2.spelled import FORMATS, PREFIX
from server.errors import BodyInvalid, EntryUnknown
from server.http.auth import TheAccount
from server.http.body import described as openapi
from server.http.body import read_json
from server.http.parts import Parts, TheParts
from server.images import Caption, Encoding
from server.prompts.enhancer import Enhanced
from server.prompts.looks import Looks

MOST_REGIONS = 64
# Our words for what is chosen by name to theirs.
STYLES = {"style": "preset", "artistic": "artistic_style", "lighting": "lighting", "camera": "camera_angle"}
STAR = "a big yellow star on a black background"
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA..."

router = APIRouter(prefix=f"{PREFIX}/generate")


@router.post("/text-to-image", openapi_extra=openapi(bodies.TextToImage, {"prompt": STAR}))
async def text_to_image(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Draw pictures of a prompt."""
    asked, ignored = await read(request, parts, account, bodies.TextToImage, await read_json(request))
    asked = _preferred(asked, (await parts.accounts.find(account)).preferences)
    model, warning = tasks.chosen(parts.catalog, asked.model, "text_to_image")
    words = _worded(asked, model, parts)
    planned = tasks.from_text(asked, model, words, parts.catalog)
    return await answered(request, parts, account, planned.task, _wish(asked, ignored, {"each": {}}, warning))


@router.post(
    "/image-to-image",
    openapi_extra=openapi(bodies.ImageToImage, {"init_image": PIXEL, "prompt": STAR, "strength": 0.75}),
)
async def image_to_image(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Draw over a picture; `source_image` says what it shows."""
    value = await read_json(request)
    asked, ignored = await read(request, parts, account, bodies.ImageToImage, value)
    model, warning = tasks.chosen(parts.catalog, asked.model, "image_to_image")
    words = _worded(asked, model, parts)
    image = await decode.picture(asked.init_image, "init_image")
    planned = tasks.from_image(asked, model, words, image, parts.catalog)
    said = {
        "each": {"transformations_applied": list(planned.applied)},
        "source_url": value["init_image"] if ADDRESS.match(value["init_image"]) else None,
        "analysis": await described(request, parts, account, image),
    }
    wish = _wish(asked, ignored, said, warning, planned.warning)
    return await answered(request, parts, account, planned.task, wish)


@router.post(
    "/inpaint",
    openapi_extra=openapi(bodies.Inpaint, {"init_image": PIXEL, "mask_image": PIXEL, "prompt": STAR}),
)
async def inpaint(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Draw anew what the mask marks."""
    asked, ignored = await read(request, parts, account, bodies.Inpaint, await read_json(request))
    model, warning = tasks.chosen(parts.catalog, asked.model, "inpaint")
    words = _worded(asked, model, parts)
    image = await decode.picture(asked.init_image, "init_image")
    mask = await decode.mask(asked.mask_image, "mask_image", invert=asked.preserve_masked_area)
    planned = tasks.with_mask(asked, model, words, image, mask, parts.catalog)
    said = {"each": await asyncio.to_thread(_marked, mask)}
    return await answered(request, parts, account, planned.task, _wish(asked, ignored, said, warning))


def _preferred(asked: bodies.TextToImage, prefers: Preferences) -> bodies.TextToImage:
    """Model and size that the account chose, where the request does not say."""
    said, size = asked.parameters, prefers.default_size
    if said.width is None and said.height is None and size is not None:
        width, height = map(int, size.split("x"))
        said = said.model_copy(update={"width": width, "height": height})
    return asked.model_copy(update={"model": asked.model or prefers.default_model, "parameters": said})


def _worded(asked: bodies.Drawing, model: Model, parts: Parts) -> Enhanced:
    """Both prompts with the words of the style that was chosen. Raises BodyInvalid."""
    chosen = {ours: getattr(asked.style, theirs) for ours, theirs in STYLES.items()}
    limit = model.limits.max_prompt_chars
    try:
        return parts.enhancer.dressed(asked.prompt, asked.negative_prompt, Looks(**chosen), limit)
    except EntryUnknown as error:
        raise BodyInvalid(error.sentence, field=f"style.{STYLES[error.field or 'style']}") from None


def _wish(asked: bodies.Drawing, ignored: dict[str, str], said: dict[str, Any], *warnings: str | None) -> Wish:
    output = asked.output
    return Wish(
        said={"metadata": asked.metadata, "return_type": output.return_type, **said},
        encoding=Encoding(FORMATS[output.format], output.quality),
        caption=Caption(asked=asked.prompt, tags=bodies.tags_of(asked.metadata)),
        webhook_url=asked.webhook_url,
        headers=ignored,
        warnings=warnings,
    )


def _marked(mask: Raster) -> dict[str, Any]:
    found = marked(Pillow.frombytes("L", (mask.width, mask.height), mask.pixels))
    regions = [box(bounds) for bounds in found.boxes[:MOST_REGIONS]]
    return {"mask_area_percentage": round(100 * found.share, 2), "inpainted_regions": regions}
