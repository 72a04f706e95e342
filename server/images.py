"""Stored images: pictures as files, with an owner, an unguessable id and an end, unless they are kept."""

import asyncio
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Literal

import structlog

from pipelines.tasks import Picture, Raster, Task
from server.encoding import encode, preview_file
from server.errors import DatabaseLost, ImageUnknown, StorageFailed, StorageLimitReached
from server.store import images as rows
from server.store.audit import noted
from server.store.blobs import Blobs
from server.store.blobs import read as read_blob
from server.store.database import Database
from server.store.tasks import kind_of
from server.store.words import QUALITY, Caption, Encoding, Format, Image, Job

__all__ = ["QUALITY", "YOUNG_SECONDS", "Caption", "Encoding", "Format", "Image", "Images", "encode", "preview_file"]

YOUNG_SECONDS = 600.0
SWEPT_AT_ONCE = 500
LONGEST_CACHED_SECONDS = 86_400
ALIAS = "@"  # before an alias where an id may stand
UPLOAD = "upload"  # the kind of what nobody drew

LimitOf = Callable[[str], Awaitable[int | None]]  # the bytes that an account may have; None is no limit
KeepsOf = Callable[[str], Awaitable[bool]]  # whether what an account draws is kept unless it says otherwise

log = structlog.get_logger()


async def unlimited(account: str) -> int | None:
    return None


async def keeps_nothing(account: str) -> bool:
    return False


def orphans(database: Database, blobs: Blobs, before: float) -> Iterator[str]:
    """Files that nobody has put since then and that no row refers to. May be deleted on the way."""
    names = blobs.names(before)
    while some := list(islice(names, SWEPT_AT_ONCE)):
        with database.look() as connection:
            needed = rows.needed(connection, some)
        yield from set(some) - needed


class Images:
    """Stores, finds, opens and expires images; ids and links never name a path from outside.

    ttl_seconds: how long an image is there. purge_seconds: how long after its end, or after it was deleted, its row and
    file stay all the same. metadata: whether files may say what drew them, where their encoding has it so. limit_of,
    keeps_of: what an account may have and prefers.
    """

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        ttl_seconds: float,
        purge_seconds: float,
        clock: Callable[[], float] = time.time,
        *,
        metadata: bool = True,
        limit_of: LimitOf = unlimited,
        keeps_of: KeepsOf = keeps_nothing,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._ttl = ttl_seconds
        self._purge = purge_seconds
        self._clock = clock
        self._metadata = metadata
        self.limit_of = limit_of
        self._keeps_of = keeps_of

    async def store(
        self,
        picture: Picture,
        account: str,
        encoding: Encoding,
        task: Task | None = None,
        caption: Caption | None = None,
    ) -> Image:
        """Encode a picture and store its file; nobody finds the image before its row is written, soon, with its job.

        Raises OSError where the disk refuses.
        """
        blob, size = await asyncio.to_thread(self._write, picture, encoding, task if self._metadata else None)
        now, caption = self._clock(), caption or Caption()
        keep = await self._keeps_of(account) if caption.keep is None else caption.keep
        return Image(
            id=f"image_{secrets.token_urlsafe(16)}",
            account=account,
            encoding=encoding,
            width=picture.width,
            height=picture.height,
            rendered=picture.rendered,
            seed=picture.seed,
            model=picture.model,
            blob=blob,
            created=now,
            expires=math.inf if keep else now + self._ttl,
            size=size,
            kind=kind_of(task) if task else UPLOAD,
            prompt=str(getattr(task, "prompt", "")),
            caption=caption,
        )

    async def store_drawn(self, picture: Picture, job: Job, task: Task, seconds: float | None) -> Image:
        """As `store`, what a job drew in so many seconds."""
        image = await self.store(picture, job.account, job.encoding, task, job.caption)
        return replace(image, job_id=job.id, seconds=seconds)

    async def upload(self, raster: Raster, account: str, encoding: Encoding, caption: Caption) -> Image:
        """An image of the account's own that nobody drew. Raises StorageLimitReached and StorageFailed."""
        sides = raster.width, raster.height
        picture = Picture(*sides, raster.pixels, seed=None, rendered=sides, model=None)
        try:
            image = await self.store(picture, account, encoding, None, caption)
        except OSError as error:
            raise StorageFailed from error
        limit = await self.limit_of(account)
        if not await self._database.write(rows.add_within, image, limit, self._clock()):
            raise StorageLimitReached
        return image

    async def check_room(self, account: str) -> None:
        """Raises StorageLimitReached where an account has all the bytes that it may have."""
        limit = await self.limit_of(account)
        if limit is not None and await self.bytes_of(account) >= limit:
            raise StorageLimitReached

    async def bytes_of(self, account: str) -> int:
        """The sizes of its images that are there, added up."""
        return await self._database.read(rows.bytes_of, account, self._clock())

    async def find(self, account: str, name: str, *, with_deleted: bool = False) -> Image:
        """By its id, or by an @ and its alias. Raises ImageUnknown, for the images of others too.

        with_deleted: by its id also one that is deleted or over, until it is purged.
        """
        now = self._clock()
        if "\0" in name:  # which no database takes
            raise ImageUnknown
        if name.startswith(ALIAS):
            image = await self._database.read(rows.get_named, account, name.removeprefix(ALIAS), now)
        else:
            image = await self._database.read(rows.get, name, now, with_deleted=with_deleted)
        if image is None or image.account != account:
            raise ImageUnknown
        return image

    async def find_any(self, image_id: str) -> Image:
        """By its id, whoever owns it: for those who may see it all the same. Raises ImageUnknown."""
        image = None if "\0" in image_id else await self._database.read(rows.get, image_id, self._clock())
        if image is None:
            raise ImageUnknown
        return image

    async def publish(self, image: Image) -> str:
        """The public name of an image, made now where it has none: it cannot be guessed and ends with the image."""
        if image.link is not None:
            return image.link
        return await self._database.write(rows.publish, image)

    async def find_link(self, link: str) -> Image:
        """Raises ImageUnknown."""
        image = None if "\0" in link else await self._database.read(rows.get_linked, link, self._clock())
        if image is None:
            raise ImageUnknown
        return image

    def seconds_left(self, image: Image) -> int:
        """For which a copy of its file may be used; a day at most."""
        return max(0, int(min(image.expires - self._clock(), LONGEST_CACHED_SECONDS)))

    async def count(self, image: Image, what: Literal["views", "downloads"]) -> None:
        """Its file was asked for, by anybody: whoever looks waits for no disk, nor is hindered by one that is full."""
        try:
            await self._database.write_lightly(rows.count, image.id, what)
        except (StorageFailed, DatabaseLost):
            log.warning("not_counted", image=image.id)

    async def read(self, image: Image) -> bytes:
        """The bytes of its file; raises ImageUnknown where somebody removed it."""
        try:
            return await asyncio.to_thread(read_blob, self._blobs, image.blob)
        except FileNotFoundError:
            raise ImageUnknown from None

    async def delete(self, image: Image, *, for_good: bool = False) -> None:
        """Nobody finds it from now on. for_good: its row goes at once and its file soon, instead of when purged."""
        if for_good:
            remove = noted(rows.remove_for_good, "image_deleted", image.id, for_good=True)
            await self._database.write(remove, image.id)
        else:
            await self._database.write(noted(rows.remove, "image_deleted", image.id), image.id, self._clock())

    async def restore(self, account: str, image_id: str) -> Image:
        """What was deleted, or has ended, is there again for as long as a new image would be.

        Raises ImageUnknown where it is purged, and StorageLimitReached.
        """
        image = await self.find(account, image_id, with_deleted=True)
        await self.check_room(account)
        restore = noted(rows.restore, "image_restored", image.id)
        await self._database.write(restore, image.id, self.end_of(keep=False))
        return await self.find(account, image.id)

    def end_of(self, *, keep: bool) -> float:
        """When an image ends whose time begins now."""
        return math.inf if keep else self._clock() + self._ttl

    async def sweep(self) -> None:
        """Purge the rows whose time has come, then the files that no row refers to.

        Young files stay, whoever refers to them: their row may be about to be written. All stay while a backup runs.
        """
        await self._database.write(rows.purge, self._clock() - self._purge)
        old = self._clock() - YOUNG_SECONDS
        await asyncio.to_thread(self._sweep_blobs, old)

    def _write(self, picture: Picture, encoding: Encoding, task: Task | None) -> tuple[str, int]:
        file = encode(picture, encoding, task)
        return self._blobs.put(file), len(file)

    def _sweep_blobs(self, before: float) -> None:
        with self._blobs.sweeping() as may:
            if may:
                for name in orphans(self._database, self._blobs, before):
                    self._blobs.delete(name, before)
