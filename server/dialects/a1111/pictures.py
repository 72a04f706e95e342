"""Pictures as they come here, in base64 or as data URLs, and as they leave, always in plain base64."""

import asyncio

from pipelines.tasks import Picture as Pixels
from pipelines.tasks import Raster
from server.bodies.job import PlainPicture
from server.encoding import in_base64
from server.http.parts import Parts
from server.images import Encoding, Image, encode

API = "a1111"

Picture = PlainPicture


async def plain(image: Image, parts: Parts) -> str:
    """The image's file in base64."""
    return await in_base64(await parts.images.read(image))


async def file_of(picture: Raster) -> str:
    """A picture that stays as it is, as a PNG file in base64."""
    sides = picture.width, picture.height
    return await in_base64(
        await asyncio.to_thread(encode, Pixels(*sides, picture.pixels, None, sides, None), Encoding())
    )
