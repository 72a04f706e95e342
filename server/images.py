"""Stored images: pictures encoded into files, with an owner, an unguessable id and an end."""

import asyncio
import io
import secrets
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from PIL import Image as Pillow

from pipelines.png import png
from pipelines.provenance import carried, kept_options, save_options
from pipelines.tasks import Drawing, Filter, Picture, Raster, Task
from server.errors import ImageUnknown
from server.store import images as rows
from server.store.blobs import Blobs
from server.store.blobs import read as read_blob
from server.store.database import Database
from server.store.words import QUALITY, Encoding, Format, Image

__all__ = ["QUALITY", "YOUNG_SECONDS", "Encoding", "Format", "Image", "Images", "encode", "preview_file"]

PREVIEW_SIDE = 256
YOUNG_SECONDS = 600.0
SWEPT_AT_ONCE = 500
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # by bytes a pixel


def encode(picture: Picture, encoding: Encoding, task: Task | None = None) -> bytes:
    """The picture as a file of its format, with the task that drew it. JPEG shows what is transparent on white."""
    mode = MODES[len(picture.pixels) // (picture.width * picture.height)]
    image = Pillow.frombytes(mode, (picture.width, picture.height), picture.pixels)
    if mode == "RGBA" and encoding.format == "jpeg":
        image = Pillow.alpha_composite(Pillow.new("RGBA", image.size, "white"), image).convert("RGB")
    told = _told(picture, encoding.format, task) if encoding.metadata else {}
    if encoding.format == "png":
        return png(image, **told)
    file = io.BytesIO()
    image.save(file, encoding.format.upper(), quality=encoding.quality, **told)
    return file.getvalue()


def _told(picture: Picture, format: Format, task: Task | None) -> dict[str, Any]:
    """What the file is to say beside the pixels: what drew them, or what the file of the given picture said."""
    if isinstance(task, Drawing):
        return save_options(task, picture, format)
    if isinstance(task, Filter) and task.kept:
        return kept_options(carried(task.kept), format)
    return {}


def preview_file(preview: Raster) -> bytes:
    """A small raster as a PNG that can be looked at."""
    small = Pillow.frombytes("RGB", (preview.width, preview.height), preview.pixels)
    scale = max(1, PREVIEW_SIDE // max(small.size))
    file = io.BytesIO()
    small.resize((small.width * scale, small.height * scale), Pillow.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


class Images:
    """Stores, finds, opens and expires images; ids and links never name a path from outside.

    ttl_seconds: how long an image is there. purge_seconds: how long after its end, or after it was deleted, its row and
    file stay all the same. metadata: whether files may say what drew them, where their encoding has it so.
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
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._ttl = ttl_seconds
        self._purge = purge_seconds
        self._clock = clock
        self._metadata = metadata

    async def store(self, picture: Picture, account: str, encoding: Encoding, task: Task | None = None) -> Image:
        """Encode a picture and store its file; nobody finds the image before its row is written, soon, with its job.

        Raises OSError where the disk refuses.
        """
        blob = await asyncio.to_thread(self._write, picture, encoding, task if self._metadata else None)
        now = self._clock()
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
            expires=now + self._ttl,
        )

    async def find(self, account: str, image_id: str) -> Image:
        """Raises ImageUnknown, for the images of others too."""
        image = await self._database.read(rows.get, image_id, self._clock())
        if image is None or image.account != account:
            raise ImageUnknown
        return image

    async def publish(self, image: Image) -> str:
        """Give an image a public name that cannot be guessed and ends with the image."""
        link = f"{secrets.token_urlsafe(32)}.{image.encoding.format}"
        await self._database.write(rows.set_link, image.id, link)
        return link

    async def find_link(self, link: str) -> Image:
        """Raises ImageUnknown."""
        image = await self._database.read(rows.get_linked, link, self._clock())
        if image is None:
            raise ImageUnknown
        return image

    def seconds_left(self, image: Image) -> int:
        return max(0, int(image.expires - self._clock()))

    async def read(self, image: Image) -> bytes:
        """The bytes of its file; raises ImageUnknown where somebody removed it."""
        try:
            return await asyncio.to_thread(read_blob, self._blobs, image.blob)
        except FileNotFoundError:
            raise ImageUnknown from None

    async def delete(self, image: Image, *, for_good: bool = False) -> None:
        """Nobody finds it from now on. for_good: its row goes at once and its file soon, instead of when purged."""
        if for_good:
            await self._database.write(rows.remove_for_good, image.id)
        else:
            await self._database.write(rows.remove, image.id, self._clock())

    async def sweep(self) -> None:
        """Purge the rows whose time has come, then the files that no row refers to.

        Young files stay, whoever refers to them: their row may be about to be written.
        """
        await self._database.write(rows.purge, self._clock() - self._purge)
        old = self._clock() - YOUNG_SECONDS
        await asyncio.to_thread(self._sweep_blobs, old)

    def _write(self, picture: Picture, encoding: Encoding, task: Task | None) -> str:
        return self._blobs.put(encode(picture, encoding, task))

    def _sweep_blobs(self, before: float) -> None:
        names = self._blobs.names(before)
        while some := list(islice(names, SWEPT_AT_ONCE)):
            with self._database.look() as connection:
                needed = rows.needed(connection, some)
            for name in set(some) - needed:
                self._blobs.delete(name, before)
