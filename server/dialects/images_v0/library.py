"""The images of a team, and what it may still spend."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from server.bodies.gallery import MOST_LISTED, MOST_PAGES, Filter
from server.credits.prices import credits
from server.dialects.images_v0 import told
from server.dialects.images_v0.told import PREFIX
from server.gallery import Wanted
from server.http.auth import TheAccount
from server.http.files import OWN, file_of
from server.http.parts import TheParts

router = APIRouter(prefix=PREFIX)


@router.get("/images/library")
async def library(
    request: Request,
    parts: TheParts,
    account: TheAccount,
    page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 20,
    preset: Annotated[Filter, Query(alias="presetId")] = None,
    search: Filter = None,
) -> dict[str, Any]:
    """Your images, the newest first."""
    wanted = Wanted(account, search=search or "", preset=preset)
    images = await parts.gallery.page(wanted, "newest", limit, skip=(page - 1) * limit)
    total = await parts.gallery.total(wanted)
    shown = [await told.listed(image, request, parts) for image in images]
    return {"data": {"images": shown, "total": total, "page": page, "limit": limit}}


@router.get("/images/library/{image_id}")
async def show(image_id: str, request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """What is known of one of them."""
    image = await parts.images.find(account, image_id)
    return {"data": await told.whole(image, request, parts)}


@router.get("/images/library/{image_id}/download", response_class=Response)
async def download(image_id: str, request: Request, parts: TheParts, account: TheAccount) -> Response:
    """Its file, as an attachment."""
    image = await parts.images.find(account, image_id)
    return await file_of(request, parts, image, OWN, download=True)


@router.get("/usage")
async def usage(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Your credits: `remaining` is null where you may spend anything."""
    purse = await parts.credits.purse(account)
    return {
        "data": {
            "credits": {
                "remaining": None if purse.left is None else credits(purse.left),
                "used": credits(purse.spent),
                "reserved": credits(purse.reserved),
                "granted": credits(purse.granted),
            }
        }
    }
