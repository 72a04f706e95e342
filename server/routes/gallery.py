"""The open gallery: what its owners opened, for everybody, where the operator opened /public."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from server.bodies.gallery import PublicListing, Side
from server.errors import AddressUnknown, ImageUnknown
from server.http.files import OPEN, file_of, small_of
from server.http.parts import Parts, TheParts
from server.images import Image
from server.routes.collections import told
from server.routes.images import listed, shown, wanted_by

MOST_COLLECTIONS = 100


def the_operator_opened_it(parts: TheParts) -> None:
    """Raises AddressUnknown where there is no open gallery."""
    if not parts.settings.public_gallery:
        raise AddressUnknown


router = APIRouter(prefix="/public", tags=["open gallery"], dependencies=[Depends(the_operator_opened_it)])


def described(image: Image) -> dict[str, Any]:
    files = f"/public/images/{image.id}"
    return shown(image) | {"file": f"{files}/file", "thumbnail": f"{files}/thumbnail"}


@router.get("")
async def list_images(parts: TheParts, asked: Annotated[PublicListing, Query()]) -> dict[str, Any]:
    """Images of all accounts that their owners opened. Whose they are is not told."""
    return await _page(parts, asked, None)


@router.get("/collections")
async def list_collections(parts: TheParts) -> dict[str, Any]:
    """The newest collections that their owners opened."""
    return {"collections": [_open(told(each)) for each in await parts.gallery.public_collections(MOST_COLLECTIONS)]}


@router.get("/collections/{slug}")
async def collection(slug: str, parts: TheParts, asked: Annotated[PublicListing, Query()]) -> dict[str, Any]:
    """One of them, with those of its images that are open too."""
    found = await parts.gallery.public_collection(slug)
    return {"collection": _open(told(found))} | await _page(parts, asked, found.id)


@router.get("/images/{image_id}")
async def show(image_id: str, parts: TheParts) -> dict[str, Any]:
    """What is told of an image."""
    return described(await _public(parts, image_id))


@router.get("/images/{image_id}/file", response_class=Response)
@router.head("/images/{image_id}/file", include_in_schema=False)
async def file(image_id: str, request: Request, parts: TheParts, download: bool = False) -> Response:
    """The picture itself."""
    return await file_of(request, parts, await _public(parts, image_id), OPEN, download=download)


@router.get("/images/{image_id}/thumbnail", response_class=Response)
@router.head("/images/{image_id}/thumbnail", include_in_schema=False)
async def thumbnail(image_id: str, request: Request, parts: TheParts, size: Side = "320") -> Response:
    """A small WEBP of it."""
    image = await _public(parts, image_id)
    return small_of(request, await parts.thumbnails.of(image, int(size)), OPEN)


async def _page(parts: Parts, asked: PublicListing, collection_id: str | None) -> dict[str, Any]:
    images, beside = await listed(parts, asked, wanted_by(None, asked, collection_id, public=True))
    return {"images": [described(image) for image in images]} | beside


async def _public(parts: Parts, image_id: str) -> Image:
    image = await parts.images.find_any(image_id)
    if not image.caption.public:
        raise ImageUnknown
    return image


def _open(said: dict[str, Any]) -> dict[str, Any]:
    """Without the cover, which may be an image that is not open."""
    return {name: value for name, value in said.items() if name not in ("id", "cover")}
