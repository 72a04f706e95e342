"""The only door for other people's image bytes: by content, bounded before anything is unpacked, down to plain pixels.

PNG, JPEG and WEBP only; the first frame, turned as EXIF says; metadata is dropped unless it is asked for. Everything
that Pillow can say against a file is a 400.
"""

import asyncio
import base64
import binascii
import io
import re
import warnings
from collections.abc import Callable
from typing import TypeVar

from PIL import Image, ImageOps

from pipelines.provenance import carrier, embedded
from pipelines.tasks import Embedded, Raster
from server.errors import ImageInvalid

FORMATS = ("PNG", "JPEG", "WEBP")
LEAST_SIDE, MOST_SIDE = 8, 8192
MOST_PIXELS = 16_777_216
T = TypeVar("T")
DATA_URL = re.compile(r"data:[A-Za-z0-9.+/-]{0,64}(;[A-Za-z0-9=.-]{1,64})*;base64,")


async def picture(text: str, field: str) -> Raster:
    """RGB pixels of base64 or a data URL; what is transparent is laid over white. Raises ImageInvalid."""
    return await asyncio.to_thread(_read, text, field, lambda image: _raster(_flat(image)))


async def picture_with_alpha(text: str, field: str) -> Raster:
    """The same in RGBA where anything is transparent."""
    return await asyncio.to_thread(_read, text, field, lambda image: _raster(_with_alpha(image)))


async def picture_with_words(text: str, field: str) -> tuple[Raster, Embedded | None]:
    """`picture_with_alpha`, and what the file says of how it was made."""
    return await asyncio.to_thread(_read, text, field, lambda image: (_raster(_with_alpha(image)), embedded(image)))


async def picture_with_metadata(text: str, field: str) -> tuple[Raster, bytes]:
    """`picture_with_alpha`, and the file's metadata as `provenance.carrier` has it."""
    return await asyncio.to_thread(_read, text, field, lambda image: (_raster(_with_alpha(image)), carrier(image)))


async def mask(text: str, field: str, *, invert: bool = False, size: tuple[int, int] | None = None) -> Raster:
    """One byte a pixel, bright where it marks, or dark with `invert`; what is transparent is dark.

    size: what it is stretched to, width and height in pixels.
    """
    marks = _dark_marks if invert else _marks

    def sized(image: Image.Image) -> Raster:
        return _raster(marks(image).resize(size or image.size, Image.Resampling.LANCZOS))

    return await asyncio.to_thread(_read, text, field, sized)


async def holes(text: str, field: str) -> Raster:
    """One byte a pixel, bright where the picture is transparent; there has to be such a place. Raises ImageInvalid."""
    return await asyncio.to_thread(_read, text, field, lambda image: _raster(_holes(image, field)))


def _read(text: str, field: str, read: Callable[[Image.Image], T]) -> T:
    """What `read` makes of the picture, turned upright."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a decompression bomb is only a warning to Pillow, up to a point
            with Image.open(io.BytesIO(_bytes_of(text, field)), formats=FORMATS) as opened:
                _check_size(opened, field)
                return read(ImageOps.exif_transpose(opened))
    except ImageInvalid:
        raise
    except Exception:  # Pillow raises nearly anything, from SyntaxError to struct.error
        raise ImageInvalid("It is no whole PNG, JPEG or WEBP picture; send one of those.", field) from None


def _raster(image: Image.Image) -> Raster:
    return Raster(image.width, image.height, image.tobytes())


def _bytes_of(text: str, field: str) -> bytes:
    start = DATA_URL.match(text[:256])
    try:
        return base64.b64decode(text[start.end() :] if start else text, validate=True)
    except (binascii.Error, ValueError):
        raise ImageInvalid("It is not base64; send the picture's bytes in base64, or a data URL.", field) from None


def _check_size(image: Image.Image, field: str) -> None:
    """From the header alone: nothing has been unpacked yet."""
    width, height = image.size
    if min(width, height) < LEAST_SIDE or max(width, height) > MOST_SIDE or width * height > MOST_PIXELS:
        told = f"A picture must have {LEAST_SIDE} to {MOST_SIDE} pixels a side and at most {MOST_PIXELS} in all."
        raise ImageInvalid(told, field, is_missized=True)


def _flat(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return _eight_bits(image).convert("RGB")
    above = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", above.size, "white"), above).convert("RGB")


def _with_alpha(image: Image.Image) -> Image.Image:
    return image.convert("RGBA") if image.has_transparency_data else _flat(image)


def _marks(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return _eight_bits(image).convert("L")
    above = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", above.size, "black"), above).convert("L")


def _dark_marks(image: Image.Image) -> Image.Image:
    return ImageOps.invert(_marks(image))


def _holes(image: Image.Image, field: str) -> Image.Image:
    marks = ImageOps.invert(image.convert("RGBA").getchannel("A"))
    if marks.getbbox() is None:
        raise ImageInvalid("Nothing in it is transparent: make transparent what is to be drawn anew.", field)
    return marks


def _eight_bits(image: Image.Image) -> Image.Image:
    """Pillow cuts 16-bit gray off at 255 where it ought to scale it."""
    return image.point(lambda level: level / 256).convert("L") if image.mode.startswith("I") else image
