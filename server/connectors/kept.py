"""The connectors of accounts: made, listed, tried, and given pictures when the outbox says so."""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from sqlalchemy import Connection

from server.connectors.naming import file_name, known_of
from server.connectors.places import SECRETS, Place, Places
from server.errors import (
    AddressRefused,
    ConnectorUnknown,
    FetchFailed,
    ImageUnknown,
    NotOffered,
    SecretUnreadable,
    TooMany,
    UploadFailed,
)
from server.images import Images
from server.outbox import Outcome
from server.sealing import Seal
from server.store import connectors as rows
from server.store import outbox as log
from server.store.audit import noted
from server.store.connectors import Connector
from server.store.database import Database
from server.store.outbox import Logged, Message

MOST_EACH = 20  # of an account
TEST_FILE = "darkroom-test.txt"
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
GONE = "The pictures were gone before they could be copied."
REFUSED = "This server does not call that address: its operator may allow it with DARKROOM_WEBHOOK_ALLOW."
SILENT = "The service did not answer, or not in time."


class Connectors:
    def __init__(
        self,
        database: Database,
        images: Images,
        places: Places,
        seal: Seal,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._images = images
        self._places = places
        self._seal = seal
        self._clock = clock

    async def make(
        self, account: str, service: str, fields: Mapping[str, str], *, folder: str, naming: str, auto_upload: bool
    ) -> Connector:
        """fields: what the service needs to be reached (server/connectors/places.py).

        Raises NotOffered, TooMany, and where a code has to be exchanged UploadFailed, AddressRefused and
        FetchFailed.
        """
        kept = await self._places.prepared(service, fields)
        hidden = {name: value for name, value in kept.items() if name in SECRETS}
        connector = Connector(
            id=f"connector_{secrets.token_urlsafe(16)}",
            account=account,
            service=service,
            settings={name: value for name, value in kept.items() if name not in SECRETS},
            secrets=self._seal.seal(orjson.dumps(hidden).decode()),
            folder=folder,
            naming=naming,
            auto_upload=auto_upload,
            created=self._clock(),
        )
        add = noted(rows.add, "connector_made", connector.id, service=service)
        if not await self._database.write(add, connector, MOST_EACH):
            raise TooMany("connectors", MOST_EACH)
        return connector

    async def page(self, account: str) -> list[Connector]:
        """The oldest first."""
        return await self._database.read(rows.of_account, account)

    async def find(self, account: str, connector_id: str) -> Connector:
        """Raises ConnectorUnknown, for those of others too."""
        connector = await self._database.read(rows.get, connector_id)
        if connector is None or connector.account != account:
            raise ConnectorUnknown
        return connector

    async def remove(self, account: str, connector_id: str) -> None:
        found = (await self.find(account, connector_id)).id
        await self._database.write(noted(rows.remove, "connector_deleted", found), found)

    def beside(self, connector: Connector) -> Callable[[Connection, str], object]:
        """A step that has a job's pictures copied there, in the transaction that accepts the job."""
        return lambda connection, job_id: rows.choose(connection, connector.id, job_id)

    async def log(self, account: str, connector_id: str, most: int) -> list[Logged]:
        """What was copied there, the newest first."""
        return await self._database.read(log.page, (await self.find(account, connector_id)).id, most)

    async def test(self, account: str, connector_id: str) -> Outcome:
        """Write a small file there, right now."""
        connector = await self.find(account, connector_id)

        async def write(place: Place) -> Outcome:
            await place.put(_path(connector, TEST_FILE), b"Darkroom can write here.\n", "text/plain")
            return Outcome("delivered")

        return await self._tried(connector, write)

    async def send(self, message: Message) -> Outcome:
        """For the outbox."""
        connector = await self._database.read(rows.get, message.target)
        if connector is None:
            return Outcome("unwanted")

        async def copy(place: Place) -> Outcome:
            copied = [await self._copied(connector, place, message, number) for number in _numbers(message.data)]
            return Outcome("delivered") if any(copied) else Outcome("failed", sentence=GONE)

        return await self._tried(connector, copy)

    async def _copied(self, connector: Connector, place: Place, message: Message, number: int) -> bool:
        """False where the picture is there no more."""
        told = message.data["images"][number]
        try:
            image = await self._images.find(message.account, told["id"])
            content = await self._images.read(image)
        except ImageUnknown:
            return False
        known = known_of(message.data, number, message.created)
        name = file_name(connector.naming, known, EXTENSIONS[image.encoding.media_type])
        await place.put(_path(connector, name), content, image.encoding.media_type)
        return True

    async def _tried(self, connector: Connector, work: Callable[[Place], Any]) -> Outcome:
        try:
            hidden = orjson.loads(self._seal.open(connector.secrets))
            outcome: Outcome = await work(self._places.open(connector.service, {**connector.settings, **hidden}))
        except UploadFailed as error:
            return Outcome("failed" if error.final else "retry", error.status, error.sentence)
        except (NotOffered, SecretUnreadable) as error:
            return Outcome("failed", sentence=error.sentence)
        except AddressRefused:
            return Outcome("retry", sentence=REFUSED)
        except FetchFailed:
            return Outcome("retry", sentence=SILENT)
        return outcome


def _path(connector: Connector, name: str) -> list[str]:
    return [*(part for part in connector.folder.split("/") if part), name]


def _numbers(data: Mapping[str, Any]) -> range:
    return range(len(data["images"]))
