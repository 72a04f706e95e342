"""The gallery: images as their owners list, name, tag, collect, keep and open them."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection

from server.errors import CollectionUnknown, ImageUnknown
from server.images import Images
from server.store import collections as collection_rows
from server.store import gallery as rows
from server.store.audit import noted
from server.store.collections import Collection
from server.store.database import Database
from server.store.gallery import Place, Sort, Wanted
from server.store.words import Image

__all__ = ["Changes", "Collection", "Gallery", "Place", "Sort", "Wanted"]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be said of an image instead of what was; None leaves it. alias: without letters takes it away.

    collections: the ids or slugs of all that it is to lie in. Who names or collects an image keeps it, unless they say
    otherwise.
    """

    title: str | None = None
    description: str | None = None
    alias: str | None = None
    public: bool | None = None
    tags: Sequence[str] | None = None
    collections: Sequence[str] | None = None
    keep: bool | None = None

    def row(self) -> dict[str, Any]:
        same = {name: getattr(self, name) for name in ("title", "description", "public")}
        row = {name: value for name, value in same.items() if value is not None}
        return row if self.alias is None else row | {"alias": self.alias or None}

    @property
    def fields(self) -> list[str]:
        """What is to change, by name."""
        return [field.name for field in fields(self) if getattr(self, field.name) is not None]

    @property
    def keeps(self) -> bool | None:
        return True if self.keep is None and (self.alias or self.collections) else self.keep


class Gallery:
    """Every method raises ImageUnknown or CollectionUnknown for what is not there, or is another account's."""

    def __init__(self, database: Database, images: Images, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._images = images
        self._clock = clock

    async def page(
        self,
        wanted: Wanted,
        sort: Sort,
        most: int,
        *,
        after: Place | None = None,
        skip: int = 0,
        reverse: bool = False,
    ) -> list[Image]:
        """after: `place_of` the last image of the page before; skip: how many stand before the first one instead."""
        now = self._clock()
        return await self._database.read(rows.page, wanted, now, sort, most, after=after, skip=skip, reverse=reverse)

    async def total(self, wanted: Wanted) -> int:
        return await self._database.read(rows.total, wanted, self._clock())

    async def change(self, account: str, name: str, changes: Changes) -> Image:
        """All of it or nothing. Raises AliasTaken."""
        image = await self._images.find(account, name)
        row, keeps = changes.row(), changes.keeps
        if keeps is not None and keeps is not image.is_kept:
            row["expires"] = self._images.end_of(keep=keeps)
        step = noted(_change, "image_changed", image.id, fields=changes.fields)
        await self._database.write(step, image, row, changes, self._clock())
        return await self._images.find(account, image.id)

    async def like(self, account: str, name: str, *, liked: bool, among_open: bool) -> Image:
        """One of the account's own, or, among_open, one that its owner opened. An account counts once."""
        image = await self._seen(account, name, among_open)
        await self._database.write(rows.like if liked else rows.unlike, image.id, account)
        return await self._images.find_any(image.id)

    async def slugs_of(self, images: Sequence[Image]) -> dict[str, list[str]]:
        """The slugs of the collections that each lies in, by the ids of images."""
        return await self._database.read(collection_rows.of_images, [image.id for image in images])

    async def collections(self, account: str) -> list[Collection]:
        """The newest first."""
        return await self._database.read(collection_rows.page, account, self._clock())

    async def public_collections(self, most: int) -> list[Collection]:
        return await self._database.read(collection_rows.public_page, self._clock(), most)

    async def collection(self, account: str, name: str) -> Collection:
        """By its id or slug."""
        if "\0" in name:  # which no database takes
            raise CollectionUnknown
        return await self._database.read(collection_rows.get, account, name, self._clock())

    async def public_collection(self, slug: str) -> Collection:
        return await self._database.read(collection_rows.get_public, slug, self._clock())

    async def make_collection(
        self, account: str, name: str, description: str = "", *, public: bool = False, cover: str | None = None
    ) -> Collection:
        """cover: the id or alias of an image of the account."""
        cover_id = (await self._images.find(account, cover)).id if cover else None
        words = account, name, description, public, cover_id
        made = await self._database.write(collection_rows.put, *words, self._clock())
        return await self.collection(account, made)

    async def change_collection(
        self,
        account: str,
        name: str,
        *,
        new_name: str | None = None,
        description: str | None = None,
        public: bool | None = None,
        cover: str | None = None,
    ) -> Collection:
        """None leaves what was. The slug stays: others may have it. cover: without letters takes it away."""
        found = await self.collection(account, name)
        given = {"name": new_name, "description": description, "public": public}
        row: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        if cover is not None:
            row["cover"] = (await self._images.find(account, cover)).id if cover else None
        change = noted(collection_rows.change, "collection_changed", found.id, fields=sorted(row))
        await self._database.write(change, found.id, row)
        return await self.collection(account, found.id)

    async def remove_collection(self, account: str, name: str) -> None:
        """Its images stay."""
        found = await self.collection(account, name)
        await self._database.write(noted(collection_rows.remove, "collection_deleted", found.id), found.id)

    async def collect(self, account: str, name: str, image: str) -> None:
        """Put an image there, and keep it."""
        found, put = await self.collection(account, name), await self._images.find(account, image)
        await self._database.write(_collect, found.id, put.id)

    async def let_go(self, account: str, name: str, image: str) -> None:
        """Take an image out of it; it stays otherwise as it is."""
        found, taken = await self.collection(account, name), await self._images.find(account, image)
        await self._database.write(collection_rows.let_go, found.id, taken.id)

    async def find_or_make(self, account: str, name: str) -> Collection:
        """The account's collection of this id, slug or name, or a new one of this name."""
        made = await self._database.write(collection_rows.find_or_put, account, name, self._clock())
        return await self.collection(account, made)

    async def _seen(self, account: str, name: str, among_open: bool) -> Image:
        try:
            return await self._images.find(account, name)
        except ImageUnknown:
            image = await self._images.find_any(name)
            if not (among_open and image.caption.public):
                raise
            return image


def place_of(image: Image, sort: Sort) -> Place:
    """Where an image stands in a list."""
    return rows.ORDERS[sort].of(image), image.id


def _change(connection: Connection, image: Image, row: dict[str, Any], changes: Changes, now: float) -> None:
    rows.change(connection, image.id, row, changes.tags)
    if changes.collections is not None:
        collection_rows.sort_into(connection, image.account, image.id, changes.collections, now)


def _collect(connection: Connection, collection_id: str, image_id: str) -> None:
    collection_rows.take(connection, collection_id, image_id)
    rows.change(connection, image_id, {"expires": math.inf}, None)
