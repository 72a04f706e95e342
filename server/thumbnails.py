"""Small copies of images, made when they are first asked for and kept as long as an image has that file.

Kept, because making one takes a core for as long as decoding the whole file and reducing it does, each time anew.
"""

import asyncio
from typing import NamedTuple

from server.encoding import thumbnail
from server.errors import ImageUnknown, StorageFailed
from server.store import thumbnails as rows
from server.store.blobs import Blobs, read
from server.store.database import Database
from server.store.words import Image

SIDES = (160, 320, 640)
USUAL_SIDE = 320
MEDIA_TYPE = "image/webp"


class Small(NamedTuple):
    """content: the bytes of a WEBP file. tag: the same for the same bytes."""

    content: bytes
    tag: str


class Thumbnails:
    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    async def of(self, image: Image, side: int) -> Small:
        """Raises ImageUnknown where the image's file is gone. A disk that is full only means that it is made again."""
        try:
            kept = await self._database.read(rows.get, image.blob, side)
            if kept is not None:
                return Small(await asyncio.to_thread(read, self._blobs, kept), f"{image.blob}-{side}")
        except FileNotFoundError:
            pass  # somebody removed the copy: it is put there again
        try:
            content = await asyncio.to_thread(lambda: thumbnail(read(self._blobs, image.blob), side))
        except FileNotFoundError:
            raise ImageUnknown from None
        await self._keep(image, side, content)
        return Small(content, f"{image.blob}-{side}")

    async def _keep(self, image: Image, side: int, content: bytes) -> None:
        try:
            small = await asyncio.to_thread(self._blobs.put, content)
            await self._database.write(rows.put, image.blob, side, small)
        except (OSError, StorageFailed):
            return
