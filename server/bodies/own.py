"""Our own addresses of images, read from the store instead of asked for over HTTP; all others are fetched."""

import re

from server.errors import FetchFailed, ImageUnknown, LinkOver
from server.fetch import Fetch
from server.images import Image, Images
from server.links import Links

SIGNED = re.compile(r"signed/([^/?]+)\?expires=([0-9]{1,15})&signature=([A-Za-z0-9_-]{1,64})")


class OwnFirst:
    """start: what our public addresses of images begin with. Who has one may look, so that no account is asked."""

    def __init__(self, fetch: Fetch, images: Images, links: Links, start: str) -> None:
        self._fetch, self._images, self._links, self._start = fetch, images, links, start

    async def get(self, url: str) -> bytes:
        """What lies at the address. Raises AddressRefused and FetchFailed."""
        if not url.startswith(self._start):
            return await self._fetch.get(url)
        try:
            return await self._images.read(await self._found(url.removeprefix(self._start)))
        except (ImageUnknown, LinkOver):
            raise FetchFailed from None

    async def _found(self, rest: str) -> Image:
        if (signed := SIGNED.fullmatch(rest)) is None:
            return await self._images.find_link(rest.partition("?")[0])
        self._links.check(signed[1], int(signed[2]), signed[3])
        return await self._images.find_any(signed[1])
