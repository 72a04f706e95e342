"""The files of images: for their owner by id or alias, and for anyone who holds a link until it ends."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from server.bodies.gallery import LinkBody, Side
from server.http.auth import TheAccount
from server.http.body import check, described, read_json
from server.http.files import OWN, file_of, small_of
from server.http.frame import address_of
from server.http.parts import TheParts

OPEN_LINKS = "/files"

router = APIRouter(prefix="/darkroom/v1", tags=["images"])
links = APIRouter(tags=["images"])


@router.post("/images/{image_id}/links", openapi_extra=described(LinkBody, {"seconds": 600}))
async def sign(image_id: str, request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """An address that shows the image's file without a key, until it ends, or the image does."""
    asked = check(LinkBody, await read_json(request))
    image = await parts.images.find(account, image_id)
    ends = parts.links.end_in(asked.seconds, image.expires)
    query = f"expires={ends}&signature={parts.links.sign(image.id, ends)}"
    return {"url": f"{address_of(request)}{OPEN_LINKS}/signed/{image.id}?{query}", "expires_at": ends}


@router.get("/images/{image_id}/file", response_class=Response)
@router.head("/images/{image_id}/file", include_in_schema=False)
async def file(
    image_id: str, request: Request, parts: TheParts, account: TheAccount, download: bool = False
) -> Response:
    """The picture itself; with `download` as an attachment. Counts as a view, or as a download."""
    image = await parts.images.find(account, image_id)
    return await file_of(request, parts, image, OWN, download=download)


@router.get("/images/{image_id}/thumbnail", response_class=Response)
@router.head("/images/{image_id}/thumbnail", include_in_schema=False)
async def thumbnail(
    image_id: str, request: Request, parts: TheParts, account: TheAccount, size: Side = "320"
) -> Response:
    """A small WEBP of it that fits into a square of `size` pixels."""
    image = await parts.images.find(account, image_id)
    return small_of(request, await parts.thumbnails.of(image, int(size)), OWN)


@links.get(f"{OPEN_LINKS}/{{link}}", response_class=Response)
@links.head(f"{OPEN_LINKS}/{{link}}", include_in_schema=False)
async def linked(link: str, request: Request, parts: TheParts, download: bool = False) -> Response:
    """An image by its public link: no key is needed, because the name cannot be guessed. It ends with the image."""
    image = await parts.images.find_link(link)
    until_its_end = f"private, max-age={parts.images.seconds_left(image)}"
    return await file_of(request, parts, image, until_its_end, download=download)


@links.get(f"{OPEN_LINKS}/{{link}}/thumbnail", response_class=Response)
@links.head(f"{OPEN_LINKS}/{{link}}/thumbnail", include_in_schema=False)
async def linked_thumbnail(link: str, request: Request, parts: TheParts, size: Side = "320") -> Response:
    """A small WEBP of an image by its public link."""
    image = await parts.images.find_link(link)
    until_its_end = f"private, max-age={parts.images.seconds_left(image)}"
    return small_of(request, await parts.thumbnails.of(image, int(size)), until_its_end)


@links.get(f"{OPEN_LINKS}/signed/{{image_id}}", response_class=Response)
@links.head(f"{OPEN_LINKS}/signed/{{image_id}}", include_in_schema=False)
async def signed(
    image_id: str,
    request: Request,
    parts: TheParts,
    expires: Annotated[int, Query(ge=0, lt=2**53)],
    signature: Annotated[str, Query(max_length=64)],
    download: bool = False,
) -> Response:
    """An image by a signed address: no key is needed until its time is over."""
    parts.links.check(image_id, expires, signature)
    image = await parts.images.find_any(image_id)
    return await file_of(request, parts, image, OWN, download=download)
