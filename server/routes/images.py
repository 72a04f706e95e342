"""Stored images: listed, uploaded, described, changed, deleted and brought back by their owner."""

import math
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from server import decode
from server.bodies.addressed import own_first, with_pictures
from server.bodies.gallery import ChangeBody, Listing, PublicListing, UploadBody
from server.gallery import Changes, Sort, Wanted, place_of
from server.http.auth import TheAccount
from server.http.body import check, read_json
from server.http.body import described as described_body
from server.http.pages import cursor_of, place_in
from server.http.parts import Parts, TheParts
from server.images import Encoding, Image

SORTED_BY: dict[Sort, type] = {
    "newest": float,
    "oldest": float,
    "views": int,
    "downloads": int,
    "likes": int,
    "title": str,
}

router = APIRouter(prefix="/darkroom/v1", tags=["images"])


def described(image: Image) -> dict[str, Any]:
    """What our own API says of an image."""
    caption = image.caption
    return shown(image) | {
        "file": f"/darkroom/v1/images/{image.id}/file",
        "thumbnail": f"/darkroom/v1/images/{image.id}/thumbnail",
        "rendered_width": image.rendered[0],
        "rendered_height": image.rendered[1],
        "asked_prompt": caption.asked,
        "preset": caption.preset,
        "variables": dict(caption.variables),
        "alias": image.alias,
        "public": caption.public,
        "kept": image.is_kept,
        "parent": caption.parent,
        "job": image.job_id,
        "seconds": image.seconds,
        "expires_at": None if math.isinf(image.expires) else image.expires,
        "deleted_at": image.deleted,
    }


def shown(image: Image) -> dict[str, Any]:
    """What everybody may know of an image that its owner opened."""
    return {
        "id": image.id,
        "media_type": image.encoding.media_type,
        "width": image.width,
        "height": image.height,
        "size_bytes": image.size,
        "seed": image.seed,
        "model": image.model,
        "kind": image.kind,
        "prompt": image.prompt,
        "title": image.caption.title,
        "description": image.caption.description,
        "tags": list(image.caption.tags),
        "views": image.views,
        "downloads": image.downloads,
        "likes": image.likes,
        "created_at": image.created,
    }


async def listed(parts: Parts, asked: PublicListing, wanted: Wanted) -> tuple[list[Image], dict[str, Any]]:
    """A page of images, and what stands beside it: `next`, or `page` and `total` where a page was asked for."""
    if asked.page is not None:
        skip = (asked.page - 1) * asked.limit
        images = await parts.gallery.page(wanted, asked.sort, asked.limit, skip=skip)
        return images, {"page": asked.page, "limit": asked.limit, "total": await parts.gallery.total(wanted)}
    name = f"images {asked.sort}"
    after = place_in(name, asked.cursor, SORTED_BY[asked.sort]) if asked.cursor else None
    found = await parts.gallery.page(wanted, asked.sort, asked.limit + 1, after=after)
    page = found[: asked.limit]
    return page, {"next": cursor_of(name, *place_of(page[-1], asked.sort)) if found[asked.limit :] else None}


def wanted_by(
    account: str | None, asked: PublicListing, collection_id: str | None, *, public: bool | None = None
) -> Wanted:
    """What a query asks for. account: None is everybody."""
    return Wanted(
        account,
        search=asked.search or "",
        tags=asked.tag,
        collection=collection_id,
        model=asked.model,
        kind=asked.kind,
        public=public,
        since=asked.since,
        until=asked.until,
    )


@router.get("/images")
async def list_images(parts: TheParts, account: TheAccount, asked: Annotated[Listing, Query()]) -> dict[str, Any]:
    """Your images. `search` is looked for in prompts, titles, descriptions, names of presets and tags.

    `next` is the `cursor` of the page after this one; with `page` there are `page` and `total` instead. `since` and
    `until` are seconds since 1970. `include_deleted` adds those that are deleted or over, and not purged yet.
    """
    collection = (await parts.gallery.collection(account, asked.collection)).id if asked.collection else None
    wanted = replace(
        wanted_by(account, asked, collection, public=asked.public),
        preset=asked.preset,
        kept=asked.kept,
        deleted=asked.include_deleted,
    )
    images, beside = await listed(parts, asked, wanted)
    return {"images": await _with_collections(parts, images)} | beside


@router.post(
    "/images", status_code=201, openapi_extra=described_body(UploadBody, {"image": "iVBORw0KGgo...", "title": "A star"})
)
async def upload(request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Store a picture of your own. Jobs take its id wherever they take a picture."""
    get = own_first(request, parts, account)
    asked = await with_pictures(check(UploadBody, await read_json(request)), get)
    raster = await decode.picture_with_alpha(asked.image, "image")
    image = await parts.images.upload(raster, account, Encoding(asked.format, metadata=False), asked.said())
    return (await _with_collections(parts, [image]))[0]


@router.get("/images/{image_id}")
async def show(image_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """What is known of an image. Wherever an id stands in these addresses, an @ and an alias may stand too."""
    return (await _with_collections(parts, [await parts.images.find(account, image_id)]))[0]


@router.patch("/images/{image_id}", openapi_extra=described_body(ChangeBody, {"title": "Dusk", "tags": ["sea"]}))
async def change(image_id: str, request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Say something else of an image. One that gets an alias or a collection is kept, unless you say `keep`."""
    asked = check(ChangeBody, await read_json(request))
    image = await parts.gallery.change(account, image_id, Changes(**dict(asked)))
    return (await _with_collections(parts, [image]))[0]


@router.delete("/images/{image_id}", status_code=204)
async def delete(image_id: str, parts: TheParts, account: TheAccount, for_good: bool = False) -> None:
    """Remove an image, and the links to it. Until it is purged it can be restored, unless `for_good` is true."""
    image = await parts.images.find(account, image_id, with_deleted=for_good)
    await parts.images.delete(image, for_good=for_good)


@router.post("/images/{image_id}/restore")
async def restore(image_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Bring an image back that was deleted, or is over, and not purged yet."""
    return (await _with_collections(parts, [await parts.images.restore(account, image_id)]))[0]


@router.put("/images/{image_id}/like")
async def like(image_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Say that you like an image: one of yours, or one of the open gallery. An account counts once."""
    return await _liked(parts, account, image_id, liked=True)


@router.delete("/images/{image_id}/like")
async def unlike(image_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Take that back."""
    return await _liked(parts, account, image_id, liked=False)


@router.get("/storage")
async def storage(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """How many images you have, and the bytes of their files. `limit_bytes` is null where there is no limit."""
    used, limit = await parts.images.bytes_of(account), await parts.images.limit_of(account)
    return {"images": await parts.gallery.total(Wanted(account)), "used_bytes": used, "limit_bytes": limit}


async def _liked(parts: Parts, account: str, name: str, *, liked: bool) -> dict[str, Any]:
    among_open = parts.settings.public_gallery
    return {"likes": (await parts.gallery.like(account, name, liked=liked, among_open=among_open)).likes}


async def _with_collections(parts: Parts, images: list[Image]) -> list[dict[str, Any]]:
    slugs = await parts.gallery.slugs_of(images)
    return [described(image) | {"collections": slugs.get(image.id, [])} for image in images]
