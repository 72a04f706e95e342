"""Stored images: for their owner by id, and for anyone who holds a public link until it ends."""

from typing import Any

from fastapi import APIRouter, Response

from server.http.auth import TheAccount
from server.http.parts import TheParts
from server.images import Image

OPEN_LINKS = "/files"

router = APIRouter(prefix="/darkroom/v1", tags=["images"])
links = APIRouter(tags=["images"])


def described(image: Image) -> dict[str, Any]:
    """What our own API says of an image."""
    return {
        "id": image.id,
        "file": f"/darkroom/v1/images/{image.id}/file",
        "media_type": image.encoding.media_type,
        "width": image.width,
        "height": image.height,
        "rendered_width": image.rendered[0],
        "rendered_height": image.rendered[1],
        "seed": image.seed,
        "model": image.model,
    }


@router.get("/images/{image_id}")
async def show(image_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """What is known of an image: its size, its seed, the model that drew it."""
    return described(await parts.images.find(account, image_id))


@router.get("/images/{image_id}/file", response_class=Response)
async def file(image_id: str, parts: TheParts, account: TheAccount) -> Response:
    """The picture itself."""
    image = await parts.images.find(account, image_id)
    return Response(await parts.images.read(image), media_type=image.encoding.media_type)


@router.delete("/images/{image_id}", status_code=204)
async def delete(image_id: str, parts: TheParts, account: TheAccount) -> None:
    """Remove an image, and the link to it. Its file is gone a while later, when it is purged."""
    await parts.images.delete(await parts.images.find(account, image_id))


@links.get(f"{OPEN_LINKS}/{{link}}", response_class=Response)
async def linked(link: str, parts: TheParts) -> Response:
    """An image by its public link: no key is needed, because the name cannot be guessed. It ends with the image."""
    image = await parts.images.find_link(link)
    headers = {"Cache-Control": f"private, max-age={parts.images.seconds_left(image)}"}
    return Response(await parts.images.read(image), media_type=image.encoding.media_type, headers=headers)
