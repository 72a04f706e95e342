"""Upscale Studio: a given picture enlarged, to sides of one's own or to those of a preset."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog
from pipelines.planning import first_installed
from pipelines.planning import upscale as planned
from pipelines.tasks import Raster, Upscale
from server import decode
from server.dialects.image_studio.answering import answered, naming, read, unused
from server.dialects.image_studio.pictures import Picture, drawn, told
from server.dialects.image_studio.wording import PREFIX, in_body
from server.http.auth import TheAccount
from server.http.body import Body, Text, described
from server.http.parts import TheParts
from server.images import Encoding

MOST_SIDE = 8192
PRESETS = {"web": 2048, "print": 3072, "social": 1080}  # pixels of the longer side, at least

Side = Annotated[int, Field(ge=1, le=MOST_SIDE)]


class Enlargement(Body):
    """The body of POST /api/image-studio/upscale. The sides win over the preset; without either it is four times."""

    image_base64: Picture
    mode: Literal["fast", "conservative", "creative", "auto"] = "auto"
    target_width: Side | None = None
    target_height: Side | None = None
    preset: Literal[tuple(PRESETS)] | None = None  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    prompt: Text | None = None


router = APIRouter(prefix=PREFIX)
EXAMPLE = {"image_base64": "data:image/png;base64,iVBORw0KGgo...", "mode": "conservative", "preset": "print"}


@router.post("/upscale", openapi_extra=described(Enlargement, EXAMPLE))
async def upscale(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Enlarge a picture: fast without a network, conservative by one, creative with details drawn anew.

    auto is conservative where a network for it is installed, else fast. One side alone keeps the aspect.
    """
    asked, value = await read(request, Enlargement)
    picture = await decode.picture_with_alpha(asked.image_base64, "image_base64")
    mode, warning = mode_of(asked, parts.catalog)
    with in_body():
        task = to_task(asked, picture, mode, parts.catalog)
    image = await drawn(request, parts, account, task, Encoding())
    sizes = {
        "preset": asked.preset,
        "original_width": picture.width,
        "original_height": picture.height,
        "upscale_factor": round(image.width / picture.width, 4),
    }
    used = Enlargement.model_fields.keys() - (set() if mode == "creative" else {"prompt"})
    headers = naming(told(Enlargement, value, None, warning), unused(asked, used))
    return await answered(image, parts, {"mode": mode}, sizes, headers)


def mode_of(asked: Enlargement, catalog: Catalog) -> tuple[str, str | None]:
    """The mode that it comes to, and what to warn of."""
    has_network = first_installed(catalog, "upscaler") is not None
    if asked.mode == "auto":
        return ("conservative" if has_network else "fast"), None
    if asked.mode == "conservative" and not has_network and catalog.default().embedded:
        return "fast", "No upscaler is installed: fast, which needs none, stands in for conservative."
    return asked.mode, None


def to_task(asked: Enlargement, picture: Raster, mode: str, catalog: Catalog) -> Upscale:
    """Raises what planning raises."""
    over: dict[str, Any] = {"prompt": asked.prompt or ""} if mode == "creative" else {}
    width, height = asked.target_width, asked.target_height
    if width is None and height is None and asked.preset is not None:
        side = max(PRESETS[asked.preset], picture.width, picture.height)
        width, height = (side, None) if picture.width >= picture.height else (None, side)
    return planned(catalog, image=picture, mode=mode, width=width, height=height, **over)
