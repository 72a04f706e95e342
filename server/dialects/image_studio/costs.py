"""What an operation would cost: the price list that charges, asked beforehand."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog
from pipelines.tasks import Task, TextToImage
from server.bodies.kinds import KINDS
from server.bodies.possible import least
from server.credits.prices import credits, picture_price_of, size_of
from server.dialects.image_studio.pictures import told
from server.dialects.image_studio.providers import Provider, meant, provider_of
from server.dialects.image_studio.wording import PREFIX, in_body
from server.http.auth import TheAccount
from server.http.body import Body, Name, check, described, read_json
from server.http.parts import TheParts

MOST_IMAGES = 1000
USUAL_SIDE = 1024  # of the result of what has no size of its own
# The kind of job of our API that an operation is, and the task of whose models one may be named.
KIND_OF = {
    "generate": ("text_to_image", "text_to_image"),
    "edit": ("edit", "image_to_image"),
    "general_edit": ("edit", "image_to_image"),
    "remove_background": ("remove_background", "remove_background"),
    "inpaint": ("inpaint", "inpaint"),
    "outpaint": ("outpaint", "outpaint"),
    "search_replace": ("search_and_replace", "inpaint"),
    "search_recolor": ("search_and_recolor", None),
    "upscale": ("upscale", "upscale"),
    "control": ("text_to_image", "text_to_image"),
    "sketch": ("text_to_image", "text_to_image"),
    "structure": ("text_to_image", "text_to_image"),
    "style": ("text_to_image", "text_to_image"),
    "style_transfer": ("style_transfer", "style_transfer"),
    "optimize": ("crop", None),
}

Side = Annotated[int, Field(ge=8, le=8192)]


class Estimate(Body):
    """The body of POST /api/image-studio/estimate-cost. width, height: of the result."""

    provider: Provider
    model: Name | None = None
    operation: Literal[tuple(KIND_OF)] | None = "generate"  # type: ignore[valid-type]  # a tuple spells the same Literal
    num_images: Annotated[int, Field(ge=1, le=MOST_IMAGES)] | None = 1
    width: Side | None = None
    height: Side | None = None


router = APIRouter(prefix=PREFIX)
EXAMPLE = {"provider": "auto", "operation": "generate", "num_images": 1, "width": 1024, "height": 1024}


@router.post("/estimate-cost", openapi_extra=described(Estimate, EXAMPLE))
async def estimate_cost(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """What so many pictures would cost, drawn by the model that would draw them. Nothing is drawn."""
    value = await read_json(request)
    asked = check(Estimate, value)
    operation, count = asked.operation or "generate", asked.num_images or 1
    with in_body():
        task = to_task(asked, operation, parts.catalog)
    size = size_of(task) if isinstance(task, TextToImage) else (asked.width or USUAL_SIDE, asked.height or USUAL_SIDE)
    answer = {
        "estimated_cost": credits(count * picture_price_of(parts.catalog, task, *size)),
        "currency": "credits",
        "provider": provider_of(asked.provider),
        "model": (getattr(task, "drawn", None) or task).model,
        "operation": operation,
        "num_images": count,
    }
    return JSONResponse(answer, headers=told(Estimate, value))


def to_task(asked: Estimate, operation: str, catalog: Catalog) -> Task:
    """A small task that the same models would work on; raises what meaning and planning raise."""
    kind, named = KIND_OF[operation]
    is_named = asked.model is not None or bool(catalog.aliases.get(asked.provider))
    said: dict[str, Any] = {}
    if is_named and named is not None:
        said["model"] = meant(catalog, asked.provider, asked.model, named).model.id
    if kind == "text_to_image":
        said |= {"width": asked.width, "height": asked.height}
    return least(catalog, KINDS[kind], **said)
