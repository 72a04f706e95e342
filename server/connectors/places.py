"""The places that pictures can be copied to, by the name of the service, and what each needs to be reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from server.connectors.dropbox import Dropbox, DropboxApp
from server.connectors.folder import Folder
from server.connectors.s3 import S3
from server.connectors.sftp import Sftp
from server.connectors.threads import Threads
from server.connectors.webdav import WebDav
from server.errors import NotOffered
from server.fetch import Fetch

SECRETS = frozenset({"secret_key", "password", "private_key", "refresh_token"})
MOST_ANSWERED = 2**18  # bytes
UPLOAD_SECONDS = 240.0  # for one file; shorter than the outbox's lease
OFF = "The operator of this server has switched connectors to other machines off."
NO_APP = "The operator of this server has given it no Dropbox app: it needs DARKROOM_DROPBOX_APP_KEY."


class Place(Protocol):
    async def put(self, path: Sequence[str], content: bytes, media_type: str) -> None:
        """Over whatever has this path: folders, then the file's name. Raises UploadFailed, AddressRefused and
        FetchFailed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Places:
    """fetch: the door to other machines, None where there is none. roots: folders that the operator allows."""

    fetch: Fetch | None
    roots: tuple[Path, ...]
    app: DropboxApp | None
    threads: Threads

    async def prepared(self, service: str, fields: Mapping[str, str]) -> dict[str, str]:
        """What has to be kept to reach it later: codes that work once become tokens that last.

        Raises NotOffered, UploadFailed, AddressRefused and FetchFailed.
        """
        kept = dict(fields)
        if service == "dropbox":
            kept = {"refresh_token": await self._dropbox("").exchanged(**fields)}
        self.open(service, kept)
        return kept

    def open(self, service: str, fields: Mapping[str, str]) -> Place:
        """Raises NotOffered."""
        match service:
            case "folder":
                return Folder(self.roots, self.threads, **fields)
            case "dropbox":
                return self._dropbox(**fields)
            case "s3":
                return S3(self._door, **fields)
            case "webdav":
                return WebDav(self._door, **fields)
            case "sftp":
                return Sftp(self._door, self.threads, **fields)
        raise NotOffered("This server has no such service to connect.")

    def _dropbox(self, refresh_token: str) -> Dropbox:
        if self.app is None:
            raise NotOffered(NO_APP)
        return Dropbox(self._door, self.app, refresh_token)

    @property
    def _door(self) -> Fetch:
        if self.fetch is None:
            raise NotOffered(OFF)
        return self.fetch
