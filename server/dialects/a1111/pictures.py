"""Pictures as they come here, in base64 or as data URLs, and as they leave, always in plain base64."""

import asyncio
import base64
from typing import Annotated

from pydantic import Field

from pipelines.tasks import Picture as Pixels
from pipelines.tasks import Raster
from server.http.parts import Parts
from server.images import Encoding, Image, encode

API = "a1111"

# As `server.bodies.job.Picture`, but never an address: read it with `server.decode`.
Picture = Annotated[
    str,
    Field(
        min_length=1,
        description="PNG, JPEG or WEBP in base64, or as a data URL.",
        json_schema_extra={"format": "picture", "contentEncoding": "base64"},
    ),
]


async def plain(image: Image, parts: Parts) -> str:
    """The image's file in base64."""
    return await encoded(await parts.images.read(image))


async def file_of(picture: Raster) -> str:
    """A picture that stays as it is, as a PNG file in base64."""
    sides = picture.width, picture.height
    return await encoded(await asyncio.to_thread(encode, Pixels(*sides, picture.pixels, None, sides, None), Encoding()))


async def encoded(content: bytes) -> str:
    return (await asyncio.to_thread(base64.b64encode, content)).decode("ascii")
