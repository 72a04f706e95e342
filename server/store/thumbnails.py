"""Which small copies of files there are. Each function is a step of a transaction."""

from sqlalchemy import Connection, insert, select

from server.store.database import one_at_a_time
from server.store.tables import thumbnails

LOCK = 8


def get(connection: Connection, blob: str, side: int) -> str | None:
    """The blob of the copy."""
    found = select(thumbnails.c.small).where(thumbnails.c.blob == blob, thumbnails.c.side == side)
    return connection.execute(found).scalar_one_or_none()


def put(connection: Connection, blob: str, side: int, small: str) -> None:
    """Unless somebody else was quicker."""
    one_at_a_time(connection, LOCK)
    if get(connection, blob, side) is None:
        connection.execute(insert(thumbnails), {"blob": blob, "side": side, "small": small})
