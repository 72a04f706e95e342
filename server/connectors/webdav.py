"""A folder of a WebDAV server, such as Nextcloud's: PUT and MKCOL, RFC 4918 sections 9.7 and 9.3."""

import base64
from collections.abc import Sequence
from urllib.parse import quote

from server.connectors.answers import told
from server.fetch import Fetch

NO_PARENT = frozenset({404, 409})


class WebDav:
    """url: of the folder that everything else is below."""

    def __init__(self, fetch: Fetch, *, url: str, user: str, password: str) -> None:
        self._fetch = fetch
        self._start = url.rstrip("/")
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"authorization": f"Basic {credentials}"}

    async def put(self, path: Sequence[str], content: bytes, media_type: str) -> None:
        status = await self._send("PUT", path, content, media_type)
        if status in NO_PARENT and len(path) > 1:
            for depth in range(1, len(path)):
                await self._send("MKCOL", path[:depth], b"", None)  # 405 where it is there already
            status = await self._send("PUT", path, content, media_type)
        told(status)

    async def _send(self, method: str, path: Sequence[str], content: bytes, media_type: str | None) -> int:
        url = "/".join((self._start, *(quote(part, safe="") for part in path)))
        headers = self._headers | {"content-length": str(len(content))}
        if media_type is not None:
            headers["content-type"] = media_type
        return (await self._fetch.send(method, url, content, headers)).status
