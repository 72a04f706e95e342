"""The gallery: the images that an account keeps, sorted into collections as it likes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog
from pipelines.errors import ModelNotInstalled
from server.bodies.caption import MOST_COLLECTIONS, MOST_TAGS, Line, Tag, Tags, Words
from server.bodies.gallery import MOST_LISTED, MOST_PAGES, Filter
from server.dialects.imagegen_v2.spelled import COLLECTION, IMAGE, PREFIX, item_id, own_id, spelled
from server.gallery import Changes, Collection, Sort, Wanted
from server.http.auth import TheAccount
from server.http.body import Body, Name, check, described, ignored_fields, read_json
from server.http.own_links import open_address
from server.http.parts import Parts, TheParts
from server.images import Image
from server.spelling import moment

SORTS: dict[str, Sort] = {
    "created_at": "newest",
    "views": "views",
    "likes": "likes",
    "downloads": "downloads",
    "title": "title",
}
RISING = "title"  # the only one that begins with the least where nobody says how


def _split(given: list[str]) -> list[str]:
    return [tag for text in given for tag in text.split(",") if tag.strip()]


def _begin(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("it must be a date such as 2024-01-31") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _end(text: str) -> float:
    """Of a day its end; any other moment is itself."""
    is_day = "T" not in text and " " not in text
    return _begin(text) + (timedelta(days=1).total_seconds() if is_day else 0)


DATE = WithJsonSchema({"type": "string", "format": "date"})
NewName = Annotated[Line, Field(min_length=1)]


class Listing(BaseModel):
    """`tags` stand between commas, and an image has all of them. `date_to` is in it, to its end."""

    page: Annotated[int, Field(ge=1, le=MOST_PAGES)] = 1
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = 20
    sort: Literal[tuple(SORTS)] = "created_at"  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    order: Literal["asc", "desc"] = "desc"
    tags: Annotated[list[Tag], BeforeValidator(_split), Field(max_length=MOST_TAGS)] = []
    model: Filter = None
    date_from: Annotated[float, BeforeValidator(_begin), DATE] | None = None
    date_to: Annotated[float, BeforeValidator(_end), DATE] | None = None


class NewItem(Body):
    """What is left out stays as it is. collections: ids, slugs or names of all that it is to lie in; new ones too."""

    image_id: Name
    title: Line | None = None
    description: Words | None = None
    tags: Tags | None = None
    is_public: bool | None = None
    collections: Annotated[list[NewName], Field(max_length=MOST_COLLECTIONS)] | None = None


class NewCollection(Body):
    name: NewName
    description: Words = ""
    is_public: bool = False
    cover_image_id: Name | None = None


router = APIRouter(prefix=PREFIX)


@router.get("/gallery")
async def listed(
    request: Request, parts: TheParts, account: TheAccount, asked: Annotated[Listing, Query()]
) -> dict[str, Any]:
    """The images that you keep, a page at a time."""
    model = None if asked.model is None else _model(parts.catalog, asked.model)
    wanted = Wanted(account, tags=asked.tags, model=model, kept=True, since=asked.date_from, until=asked.date_to)
    skip, is_usual = (asked.page - 1) * asked.limit, (asked.order == "asc") is (asked.sort == RISING)
    images = await parts.gallery.page(wanted, SORTS[asked.sort], asked.limit, skip=skip, reverse=not is_usual)
    page = {"total_items": await parts.gallery.total(wanted), "page": asked.page, "limit": asked.limit}
    return {"gallery": page | {"items": await _items(request, parts, images)}}


@router.post(
    "/gallery/items",
    status_code=201,
    openapi_extra=described(NewItem, {"image_id": "img_AbC", "title": "Dusk", "collections": ["favorites"]}),
)
async def add(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Keep an image, and say what it is. Answers with the item."""
    value = await read_json(request)
    asked = check(NewItem, value)
    image = await parts.images.find(account, own_id(IMAGE, asked.image_id))
    collections = None if asked.collections is None else await _collections(parts, account, asked.collections)
    changes = Changes(
        title=asked.title,
        description=asked.description,
        tags=asked.tags,
        public=asked.is_public,
        collections=collections,
        keep=True,
    )
    changed = await parts.gallery.change(account, image.id, changes)
    (item,) = await _items(request, parts, [changed])
    return JSONResponse({"item": item}, 201, ignored_fields(NewItem, value))


@router.post("/collections", status_code=201, openapi_extra=described(NewCollection, {"name": "My Landscapes"}))
async def make_collection(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """A new collection. Its slug is made of its name, with letters added where another one has that."""
    value = await read_json(request)
    asked = check(NewCollection, value)
    cover_id = asked.cover_image_id
    cover = None if cover_id is None else await parts.images.find(account, own_id(IMAGE, cover_id))
    made = await parts.gallery.make_collection(
        account, asked.name, asked.description, public=asked.is_public, cover=cover.id if cover else None
    )
    told = _collection(made, await open_address(request, parts, cover) if cover else None)
    return JSONResponse({"collection": told}, 201, ignored_fields(NewCollection, value))


def _model(catalog: Catalog, name: str) -> str:
    """The id by which images remember what draws for this name here; a name that nothing has finds nothing."""
    try:
        return catalog.meant(name, "text_to_image").model.id if name in catalog.aliases else name
    except ModelNotInstalled:
        return name


async def _collections(parts: Parts, account: str, names: Sequence[str]) -> list[str]:
    """Their ids; those that are not there are made. Raises CollectionUnknown for an id that nothing has."""
    found = []
    for name in names:
        if name.startswith(COLLECTION):
            found.append((await parts.gallery.collection(account, own_id(COLLECTION, name))).id)
        else:
            found.append((await parts.gallery.find_or_make(account, name)).id)
    return found


async def _items(request: Request, parts: Parts, images: Sequence[Image]) -> list[dict[str, Any]]:
    slugs = await parts.gallery.slugs_of(images)
    files = [await open_address(request, parts, image) for image in images]
    return [_item(image, file, slugs.get(image.id, [])) for image, file in zip(images, files, strict=True)]


def _item(image: Image, file: str, collections: list[str]) -> dict[str, Any]:
    """Nothing is featured here."""
    return {
        "id": item_id(image.id),
        "image_id": spelled(image.id),
        "generation_id": image.job_id and spelled(image.job_id),
        "url": file,
        "thumbnail_url": f"{file}/thumbnail",
        "title": image.caption.title,
        "description": image.caption.description,
        "prompt": image.prompt,
        "model": image.model,
        "created_at": moment(image.created),
        "tags": list(image.caption.tags),
        "collections": collections,
        "metadata": {
            "width": image.width,
            "height": image.height,
            "size_bytes": image.size,
            "generation_time_seconds": None if image.seconds is None else round(image.seconds, 3),
        },
        "interactions": {"views": image.views, "likes": image.likes, "downloads": image.downloads},
        "is_public": image.caption.public,
        "is_featured": False,
    }


def _collection(collection: Collection, cover_url: str | None) -> dict[str, Any]:
    return {
        "id": spelled(collection.id),
        "name": collection.name,
        "slug": collection.slug,
        "description": collection.description,
        "created_at": moment(collection.created),
        "item_count": collection.count,
        "is_public": collection.public,
        "cover_image_url": cover_url,
    }
