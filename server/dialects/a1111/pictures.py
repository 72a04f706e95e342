"""Pictures as they come here, in base64 or as data URLs, and as they leave, always in plain base64."""

import asyncio
import base64

from server.bodies.job import PlainPicture
from server.http.parts import Parts
from server.images import Image

API = "a1111"

Picture = PlainPicture


async def plain(image: Image, parts: Parts) -> str:
    """The image's file in base64."""
    return await encoded(await parts.images.read(image))


async def encoded(content: bytes) -> str:
    return (await asyncio.to_thread(base64.b64encode, content)).decode("ascii")
