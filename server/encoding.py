"""From pixels to the bytes of a file: of a picture, a preview, a thumbnail."""

import asyncio
import base64
import io
from typing import Any

from PIL import Image as Pillow

from pipelines.errors import TaskRefused
from pipelines.png import png
from pipelines.provenance import carried, kept_options, save_options
from pipelines.tasks import Drawing, Filter, Picture, Raster, Task, Upscale
from server.store.words import Encoding, Format

PREVIEW_SIDE = 256
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # by bytes a pixel
THUMBNAIL_QUALITY = 80
LESS: tuple[dict[str, Any], ...] = tuple({"quality": quality} for quality in (90, 80, 65, 50, 30, 10))
SMALLER: dict[str, tuple[dict[str, Any], ...]] = {"PNG": ({"optimize": True},), "JPEG": LESS, "WEBP": LESS}


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
    drawn = task.over if isinstance(task, Upscale) else task
    if isinstance(drawn, Drawing):
        return save_options(drawn, picture, format)
    if isinstance(task, Filter) and task.kept:
        return kept_options(carried(task.kept), format)
    return {}


async def in_base64(content: bytes) -> str:
    """A file's bytes as text, made in a thread: pictures are long."""
    return (await asyncio.to_thread(base64.b64encode, content)).decode("ascii")


def preview_file(preview: Raster) -> bytes:
    """A small raster as a PNG that can be looked at."""
    small = Pillow.frombytes("RGB", (preview.width, preview.height), preview.pixels)
    scale = max(1, PREVIEW_SIDE // max(small.size))
    file = io.BytesIO()
    small.resize((small.width * scale, small.height * scale), Pillow.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


def preview_like(preview: Raster, size: tuple[int, int], encoding: Encoding) -> bytes:
    """The same as the result will be: of its width and height in pixels, as a file of its format."""
    small = Pillow.frombytes("RGB", (preview.width, preview.height), preview.pixels)
    pixels = small.resize(size, Pillow.Resampling.BICUBIC).tobytes()
    return encode(Picture(*size, pixels, seed=None, rendered=size, model=None), encoding)


def thumbnail(file: bytes, side: int) -> bytes:
    """One of our own files as a WEBP that fits into a square of so many pixels; never larger than it is."""
    with Pillow.open(io.BytesIO(file), formats=("PNG", "JPEG", "WEBP")) as image:
        image.thumbnail((side, side), Pillow.Resampling.LANCZOS, reducing_gap=2.0)
        small = io.BytesIO()
        image.save(small, "WEBP", quality=THUMBNAIL_QUALITY)
    return small.getvalue()


def within(file: bytes, most_bytes: int) -> bytes:
    """One of our own files in at most so many bytes: as it is, or a JPEG or WEBP of less quality, a PNG of 256 colours.

    Raises TaskRefused where even that is too large.
    """
    if len(file) <= most_bytes:
        return file
    with Pillow.open(io.BytesIO(file), formats=("PNG", "JPEG", "WEBP")) as image:
        for options in SMALLER[str(image.format)]:
            smaller = io.BytesIO()
            flat = image.quantize(method=Pillow.Quantize.FASTOCTREE) if image.format == "PNG" else image
            flat.save(smaller, image.format, **options)
            if smaller.tell() <= most_bytes:
                return smaller.getvalue()
    raise TaskRefused("The picture does not fit into a file of so few bytes: ask for another format.")
