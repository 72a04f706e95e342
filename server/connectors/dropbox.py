"""Dropbox: a code of its consent page becomes a token that lasts; files go up in one call each.

https://www.dropbox.com/developers/documentation/http/documentation: oauth2/token, files/upload.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson

from server.connectors.answers import told
from server.errors import UploadFailed
from server.fetch import Fetch

NO_TOKEN = "Dropbox gave no token that lasts: ask for the code with token_access_type=offline, and use it once."  # noqa: S105
CUT_OFF = "Dropbox does not let this server in any more: connect it again."


@dataclass(frozen=True, slots=True)
class DropboxApp:
    """What the operator registered with Dropbox, and where Dropbox is."""

    key: str
    secret: str
    api: str = "https://api.dropboxapi.com"
    content: str = "https://content.dropboxapi.com"


class Dropbox:
    def __init__(self, fetch: Fetch, app: DropboxApp, refresh_token: str) -> None:
        self._fetch, self._app, self._refresh_token = fetch, app, refresh_token

    async def exchanged(self, auth_code: str, redirect_uri: str | None = None) -> str:
        """The refresh token for a code. Raises UploadFailed."""
        asked = {"grant_type": "authorization_code", "code": auth_code}
        if redirect_uri is not None:
            asked["redirect_uri"] = redirect_uri
        return await self._token(asked, "refresh_token", NO_TOKEN)

    async def put(self, path: Sequence[str], content: bytes, media_type: str) -> None:
        asked = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        token = await self._token(asked, "access_token", CUT_OFF)
        where = {"path": f"/{'/'.join(path)}", "mode": "overwrite", "mute": True}
        headers = {
            "authorization": f"Bearer {token}",
            "dropbox-api-arg": json.dumps(where).replace("\x7f", "\\u007f"),  # a header: ASCII alone
            "content-type": "application/octet-stream",
            "content-length": str(len(content)),
        }
        told((await self._fetch.send("POST", f"{self._app.content}/2/files/upload", content, headers)).status)

    async def _token(self, asked: Mapping[str, str], wanted: str, sentence: str) -> str:
        body = urlencode({**asked, "client_id": self._app.key, "client_secret": self._app.secret}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(body))}
        answer = await self._fetch.send("POST", f"{self._app.api}/oauth2/token", body, headers)
        if answer.status >= 500 or answer.status == 429:
            told(answer.status)
        try:
            token = orjson.loads(answer.body)[wanted]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            token = None
        if answer.status != 200 or not isinstance(token, str):
            raise UploadFailed(sentence, answer.status, final=True)
        return token
