"""Filters, backgrounds and enlargement: what is done to a picture without drawing."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from pipelines.planning import filters as plan_filters
from pipelines.planning import remove_background as plan_cutout
from pipelines.tasks import Edge, Raster
from server import decode
from server.dialects.imagegen_v2 import bodies, tasks
from server.dialects.imagegen_v2.asking import Wish, answered, read
from server.dialects.imagegen_v2.spelled import FORMATS, PREFIX
from server.errors import BodyInvalid
from server.http.auth import TheAccount
from server.http.body import described as openapi
from server.http.body import read_json
from server.http.parts import TheParts
from server.images import Encoding

SMOOTHING = 2.0  # pixels
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA..."

router = APIRouter(prefix=f"{PREFIX}/process")


@router.post(
    "/filters",
    openapi_extra=openapi(bodies.Filters, {"image_url": PIXEL, "filters": [{"type": "brightness", "value": 1.2}]}),
)
async def filters(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Apply filters one after the other."""
    asked, ignored = await read(request, parts, account, bodies.Filters, await read_json(request))
    kept = None
    if asked.preserve_metadata:
        image, kept = await decode.picture_with_metadata(asked.image_url, "image_url")
    else:
        image = await decode.picture_with_alpha(asked.image_url, "image_url")
    steps = [(step.type, step.model_extra or {}) for step in asked.filters]
    task = plan_filters(parts.catalog, image=image, filters=steps, kept=kept)
    said = {"filters": [step.type for step in asked.filters]}
    return await answered(
        request, parts, account, task, Wish(said, Encoding(FORMATS[asked.output_format]), headers=ignored)
    )


@router.post("/remove-background", openapi_extra=openapi(bodies.RemoveBackground, {"image_url": PIXEL}))
async def remove_background(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Cut out what stands out, or put something else behind it; with the mask."""
    asked, ignored = await read(request, parts, account, bodies.RemoveBackground, await read_json(request))
    image = await decode.picture_with_alpha(asked.image_url, "image_url")
    edge = Edge(threshold=asked.foreground_threshold, smoothing=SMOOTHING if asked.edge_smoothing else 0)
    task = plan_cutout(parts.catalog, image=image, output="both", background=await _behind(asked), edge=edge)
    wish = Wish({}, Encoding(FORMATS[asked.output_format]), headers=ignored)
    return await answered(request, parts, account, task, wish)


@router.post("/upscale", openapi_extra=openapi(bodies.Upscale, {"image_url": PIXEL, "scale_factor": 2}))
async def upscale(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Enlarge a picture."""
    asked, ignored = await read(request, parts, account, bodies.Upscale, await read_json(request))
    image = await decode.picture_with_alpha(asked.image_url, "image_url")
    planned = tasks.enlarged(asked, image, parts.catalog)
    wish = Wish({"original": [image.width, image.height]}, Encoding(), headers=ignored, warnings=(planned.warning,))
    return await answered(request, parts, account, planned.task, wish)


async def _behind(asked: bodies.RemoveBackground) -> Raster | str | None:
    """What comes in place of the background. Raises BodyInvalid."""
    if asked.mode == "remove":
        return None
    if asked.background_url is not None:
        return await decode.picture(asked.background_url, "background_url")
    if asked.background_color is None:
        raise BodyInvalid("To replace it, say by what: `background_color` or `background_url`.", field="mode")
    return asked.background_color
