"""The rows of accounts' own presets. Each function is a step of a transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from server.store.tables import presets


@dataclass(frozen=True, slots=True)
class Row:
    """content: JSON, as server/prompts/presets.py reads it. changed: when it was last written."""

    id: str
    account: str
    content: Mapping[str, Any]
    created: float
    changed: float


def put(connection: Connection, row: Row) -> None:
    values = {"id": row.id, "account": row.account, "content": dict(row.content)}
    connection.execute(insert(presets), values | {"created": row.created, "changed": row.changed})


def page(connection: Connection, account: str) -> list[Row]:
    """All of an account, the oldest first."""
    mine = select(presets).where(presets.c.account == account).order_by(presets.c.created, presets.c.id)
    return [Row(**row._asdict()) for row in connection.execute(mine)]


def get(connection: Connection, account: str, preset_id: str) -> Row | None:
    """None too where it is another account's."""
    mine = select(presets).where(presets.c.id == preset_id, presets.c.account == account)
    row = connection.execute(mine).one_or_none()
    return None if row is None else Row(**row._asdict())


def change(connection: Connection, account: str, preset_id: str, content: Mapping[str, Any], now: float) -> bool:
    """False where the account has none of this id."""
    mine = update(presets).where(presets.c.id == preset_id, presets.c.account == account)
    return connection.execute(mine.values(content=dict(content), changed=now)).rowcount == 1


def remove(connection: Connection, account: str, preset_id: str) -> bool:
    """Likewise."""
    mine = delete(presets).where(presets.c.id == preset_id, presets.c.account == account)
    return connection.execute(mine).rowcount == 1
