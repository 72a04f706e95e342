"""Stored images: pictures encoded into files, with an owner, an unguessable id and an end.

The index lives in memory; files that nobody remembers after a restart go at the next sweep like any other old file.
"""

import asyncio
import io
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from PIL import Image as Pillow

from pipelines.png import png
from pipelines.provenance import carried, kept_options, save_options
from pipelines.tasks import Drawing, Filter, Picture, Raster, Task
from server.errors import ImageUnknown

Format = Literal["png", "jpeg", "webp"]
QUALITY = 95
PREVIEW_SIDE = 256
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # by bytes a pixel


@dataclass(frozen=True, slots=True)
class Encoding:
    """quality: 1 to 100 for jpeg and webp; png keeps every bit and ignores it.

    metadata: whether the file says what drew it, or keeps what the task was to keep.
    """

    format: Format = "png"
    quality: int = QUALITY
    metadata: bool = True

    @property
    def media_type(self) -> str:
        return f"image/{self.format}"


@dataclass(frozen=True, slots=True)
class Image:
    """A stored picture. rendered: the width and height that the model drew. link: its public name, if it has one.

    seed, model: None where nothing was random, or no model had a hand in it.
    """

    id: str
    account: str
    encoding: Encoding
    width: int
    height: int
    rendered: tuple[int, int]
    seed: int | None
    model: str | None
    created: float
    link: str | None = None


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
    """Saves, finds, opens and expires images under one folder; ids and links never name a path from outside.

    metadata: whether files may say what drew them, where their encoding has it so.
    """

    def __init__(
        self, folder: Path, ttl_seconds: float, clock: Callable[[], float] = time.time, *, metadata: bool = True
    ) -> None:
        self._folder = folder
        self._ttl = ttl_seconds
        self._clock = clock
        self._metadata = metadata
        self._by_id: dict[str, Image] = {}
        self._by_link: dict[str, str] = {}

    async def save(self, picture: Picture, account: str, encoding: Encoding, task: Task | None = None) -> Image:
        """Encode and write a picture in a thread of its own; raises OSError where the disk refuses."""
        image = Image(
            id=f"image_{secrets.token_urlsafe(16)}",
            account=account,
            encoding=encoding,
            width=picture.width,
            height=picture.height,
            rendered=picture.rendered,
            seed=picture.seed,
            model=picture.model,
            created=self._clock(),
        )
        await asyncio.to_thread(self._write, image, picture, task if self._metadata else None)
        self._by_id[image.id] = image
        return image

    def find(self, account: str, image_id: str) -> Image:
        """Raises ImageUnknown, for the images of others too."""
        image = self._by_id.get(image_id)
        if image is None or image.account != account or self._is_over(image):
            raise ImageUnknown
        return image

    def publish(self, image: Image) -> str:
        """Give an image a public name that cannot be guessed and ends with the image."""
        link = f"{secrets.token_urlsafe(32)}.{image.encoding.format}"
        self._by_id[image.id] = replace(image, link=link)
        self._by_link[link] = image.id
        return link

    def find_link(self, link: str) -> Image:
        """Raises ImageUnknown."""
        image = self._by_id.get(self._by_link.get(link, ""))
        if image is None or self._is_over(image):
            raise ImageUnknown
        return image

    def seconds_left(self, image: Image) -> int:
        return max(0, int(image.created + self._ttl - self._clock()))

    async def read(self, image: Image) -> bytes:
        """The bytes of its file; raises ImageUnknown where somebody removed it."""
        try:
            return await asyncio.to_thread(self._path(image).read_bytes)
        except FileNotFoundError:
            raise ImageUnknown from None

    async def delete(self, image: Image) -> None:
        self._forget(image)
        await asyncio.to_thread(self._path(image).unlink, missing_ok=True)

    async def sweep(self) -> None:
        """Forget the images whose time is over, and remove old files, remembered or not."""
        for image in [image for image in self._by_id.values() if self._is_over(image)]:
            self._forget(image)
        await asyncio.to_thread(self._remove_old_files)

    def _is_over(self, image: Image) -> bool:
        return self._clock() >= image.created + self._ttl

    def _forget(self, image: Image) -> None:
        stored = self._by_id.pop(image.id, None)
        if stored is not None and stored.link is not None:
            self._by_link.pop(stored.link, None)

    def _path(self, image: Image) -> Path:
        return self._folder / f"{image.id}.{image.encoding.format}"

    def _write(self, image: Image, picture: Picture, task: Task | None) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._folder / f"{image.id}.part"
        try:
            part.write_bytes(encode(picture, image.encoding, task))
            os.replace(part, self._path(image))
        finally:
            part.unlink(missing_ok=True)

    def _remove_old_files(self) -> None:
        if not self._folder.exists():
            return
        for file in self._folder.glob("image_*"):
            if self._clock() >= file.stat().st_mtime + self._ttl:
                file.unlink(missing_ok=True)
