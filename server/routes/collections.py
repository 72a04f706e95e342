"""Collections: the images of an account, sorted into as many as it likes."""

from typing import Any

from fastapi import APIRouter, Request

from server.bodies.gallery import CollectionChange, NewCollection
from server.gallery import Collection
from server.http.auth import TheAccount
from server.http.body import check, described, read_json
from server.http.parts import TheParts

router = APIRouter(prefix="/darkroom/v1", tags=["collections"])


def told(collection: Collection) -> dict[str, Any]:
    """What our own API says of a collection. `image_count`: of those that are there."""
    return {
        "id": collection.id,
        "name": collection.name,
        "slug": collection.slug,
        "description": collection.description,
        "public": collection.public,
        "cover": collection.cover,
        "image_count": collection.count,
        "created_at": collection.created,
    }


@router.get("/collections")
async def list_collections(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Your collections, the newest first. GET /darkroom/v1/images?collection=SLUG lists the images of one."""
    return {"collections": [told(each) for each in await parts.gallery.collections(account)]}


@router.post("/collections", status_code=201, openapi_extra=described(NewCollection, {"name": "My Landscapes"}))
async def make(request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Make a collection. Its slug is made of its name, with letters added where another collection has that one."""
    asked = check(NewCollection, await read_json(request))
    made = await parts.gallery.make_collection(
        account, asked.name, asked.description, public=asked.public, cover=asked.cover
    )
    return told(made)


@router.get("/collections/{name}")
async def show(name: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """One of them, by its id or slug."""
    return told(await parts.gallery.collection(account, name))


@router.patch("/collections/{name}", openapi_extra=described(CollectionChange, {"public": True}))
async def change(name: str, request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Say something else of it. Its slug stays, whatever it is called: others may have the address."""
    asked = check(CollectionChange, await read_json(request))
    words = {"new_name": asked.name, "description": asked.description, "cover": asked.cover}
    return told(await parts.gallery.change_collection(account, name, **words, public=asked.public))


@router.delete("/collections/{name}", status_code=204)
async def remove(name: str, parts: TheParts, account: TheAccount) -> None:
    """Its images stay."""
    await parts.gallery.remove_collection(account, name)


@router.put("/collections/{name}/images/{image_id}", status_code=204)
async def put(name: str, image_id: str, parts: TheParts, account: TheAccount) -> None:
    """Put an image there, which keeps it."""
    await parts.gallery.collect(account, name, image_id)


@router.delete("/collections/{name}/images/{image_id}", status_code=204)
async def let_go(name: str, image_id: str, parts: TheParts, account: TheAccount) -> None:
    """Take an image out of it."""
    await parts.gallery.let_go(account, name, image_id)
