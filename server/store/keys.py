"""The rows of keys. Each function is a step of a transaction (server/store/database.py)."""

from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from server.store.database import one_at_a_time
from server.store.owners import Key, Scope
from server.store.tables import accounts, keys

FIRST_KEY_LOCK = 21


def put(connection: Connection, key: Key) -> None:
    lists = {"scopes": sorted(key.scopes), "models": None if key.models is None else sorted(key.models)}
    connection.execute(insert(keys), asdict(key) | lists)


def put_first(connection: Connection, key: Key) -> bool:
    """Keep the key if there was never any other; True if it is kept. Of servers that start at once, one makes it."""
    one_at_a_time(connection, FIRST_KEY_LOCK)
    if connection.execute(select(keys.c.id).limit(1)).first() is not None:
        return False
    put(connection, key)
    return True


def put_unless_there(connection: Connection, key: Key) -> None:
    """A key that was revoked meanwhile stays so."""
    one_at_a_time(connection, FIRST_KEY_LOCK)
    if get(connection, key.id) is None:
        put(connection, key)


def get(connection: Connection, key_id: str) -> Key | None:
    """Also one that opens nothing any more."""
    row = connection.execute(select(keys).where(keys.c.id == key_id)).one_or_none()
    return None if row is None else _key(row)


def get_valid(connection: Connection, key_id: str, now: float) -> Key | None:
    """None where it is revoked or over, or its account is deleted."""
    is_valid = keys.c.revoked.is_(None), or_(keys.c.expires.is_(None), keys.c.expires > now)
    wanted = select(keys).join(accounts).where(keys.c.id == key_id, *is_valid, accounts.c.deleted.is_(None))
    row = connection.execute(wanted).one_or_none()
    return None if row is None else _key(row)


def of_account(connection: Connection, account: str) -> list[Key]:
    """The newest first, with those that open nothing any more."""
    wanted = select(keys).where(keys.c.account == account).order_by(keys.c.created.desc(), keys.c.id.desc())
    return [_key(row) for row in connection.execute(wanted)]


def revoke(connection: Connection, key_id: str, now: float) -> None:
    connection.execute(update(keys).where(keys.c.id == key_id, keys.c.revoked.is_(None)).values(revoked=now))


def note_use(connection: Connection, key_id: str, now: float) -> None:
    connection.execute(update(keys).where(keys.c.id == key_id).values(last_used=now))


def _key(row: Row[Any]) -> Key:
    same = {field.name: getattr(row, field.name) for field in fields(Key)}
    models = None if row.models is None else frozenset(row.models)
    return Key(**same | {"scopes": frozenset(map(Scope, row.scopes)), "models": models})
