"""The rows of connectors. Each function is a step of a transaction (server/store/database.py)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from server.store.tables import connectors, jobs, outbox


@dataclass(frozen=True, slots=True)
class Connector:
    """A place to which an account's pictures are copied. settings: how it is reached; secrets: the rest, sealed.

    folder: below the place's own start, parts between slashes. naming: a pattern. auto_upload: whether it takes the
    pictures of all jobs, not only of those that name it.
    """

    id: str
    account: str
    service: str
    settings: Mapping[str, str]
    secrets: str
    folder: str
    naming: str
    auto_upload: bool
    created: float


def add(connection: Connection, connector: Connector, most: int) -> bool:
    """False where the account has so many already."""
    if len(of_account(connection, connector.account)) >= most:
        return False
    connection.execute(insert(connectors), asdict(connector))
    return True


def get(connection: Connection, connector_id: str) -> Connector | None:
    row = connection.execute(select(connectors).where(connectors.c.id == connector_id)).one_or_none()
    return None if row is None else _connector(row)


def of_account(connection: Connection, account: str) -> list[Connector]:
    """The oldest first."""
    ordered = select(connectors).where(connectors.c.account == account).order_by(connectors.c.created, connectors.c.id)
    return [_connector(row) for row in connection.execute(ordered)]


def choose(connection: Connection, connector_id: str, job_id: str) -> None:
    """The pictures of this job go there."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(connector=connector_id))


def remove(connection: Connection, connector_id: str) -> None:
    """With what was to be copied there, and the log of it."""
    connection.execute(delete(outbox).where(outbox.c.target == connector_id))
    connection.execute(delete(connectors).where(connectors.c.id == connector_id))


def _connector(row: Row[Any]) -> Connector:
    return Connector(**row._mapping)
