"""Our own addresses of images, told apart from other people's: they are read from the store, never called."""

from urllib.parse import parse_qs, urlsplit

from fastapi import Request

from server.errors import ImageUnknown
from server.http.frame import address_of
from server.http.parts import Parts
from server.images import Image

OPEN_LINKS = "/files"  # below it lie the files of images that need no key
SIGNED = f"{OPEN_LINKS}/signed/"
OF_THE_OWNER = "/darkroom/v1/images/"


async def open_address(request: Request, parts: Parts, image: Image) -> str:
    """Of an image's file: it asks for no key, cannot be guessed, and ends with the image."""
    return f"{address_of(request)}{OPEN_LINKS}/{await parts.images.publish(image)}"


async def own_image(request: Request, parts: Parts, account: str, address: str) -> Image | None:
    """The image at one of our own addresses, if the account may see it there; None for an address that is not ours.

    Raises ImageUnknown, and LinkOver for a signed address whose time is over.
    """
    start = address_of(request)
    if not address.startswith(f"{start}/"):
        return None
    where = urlsplit(address.removeprefix(start))
    if where.path.startswith(SIGNED):
        name, said = where.path.removeprefix(SIGNED), parse_qs(where.query)
        parts.links.check(name, _whole(said.get("expires", [""])[0]), said.get("signature", [""])[0])
        return await parts.images.find_any(name)
    if where.path.startswith(f"{OPEN_LINKS}/"):
        return await parts.images.find_link(where.path.removeprefix(f"{OPEN_LINKS}/"))
    if where.path.startswith(OF_THE_OWNER):
        return await parts.images.find(account, where.path.removeprefix(OF_THE_OWNER).removesuffix("/file"))
    raise ImageUnknown


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0
