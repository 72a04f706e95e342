"""The rows of accounts. Each function is a step of a transaction (server/store/database.py)."""

from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from server.store import ledger
from server.store.audit import note
from server.store.database import one_at_a_time
from server.store.jobs import is_open
from server.store.owners import Account, Preferences
from server.store.tables import accounts, collections, connectors, images, jobs, keys, likes, outbox, presets, webhooks
from server.store.words import State

ACCOUNTS_LOCK = 20


def put(connection: Connection, account: Account) -> None:
    connection.execute(insert(accounts), asdict(account))


def put_unless_there(connection: Connection, account: Account) -> Account | None:
    """The account of this id, made where there was none, which the audit log tells; None where it was deleted."""
    one_at_a_time(connection, ACCOUNTS_LOCK)
    if connection.execute(select(accounts.c.id).where(accounts.c.id == account.id)).first() is None:
        put(connection, account)
        note(connection, "account_made", account.id)
    return get(connection, account.id)


def get(connection: Connection, account_id: str) -> Account | None:
    """None where it is deleted."""
    wanted = select(accounts).where(accounts.c.id == account_id, accounts.c.deleted.is_(None))
    row = connection.execute(wanted).one_or_none()
    return None if row is None else _account(row)


def plan_of(connection: Connection, account_id: str) -> str | None:
    """The name of its tier of limits; None where there is no such account."""
    return connection.execute(select(accounts.c.plan).where(accounts.c.id == account_id)).scalar_one_or_none()


def page(connection: Connection, most: int, after: str = "") -> list[Account]:
    """In the order of their ids. after: the id of the last one of the page before."""
    wanted = select(accounts).where(accounts.c.deleted.is_(None), accounts.c.id > after)
    return [_account(row) for row in connection.execute(wanted.order_by(accounts.c.id).limit(most))]


def change(connection: Connection, account_id: str, changes: dict[str, Any]) -> Account | None:
    """changes: new values by column. None where there is no such account."""
    if changes:
        connection.execute(update(accounts).where(accounts.c.id == account_id).values(changes))
    return get(connection, account_id)


def prefer(connection: Connection, account_id: str, changes: dict[str, Any]) -> Account | None:
    """changes: new values by field of Preferences; the others stay. None where there is no such account."""
    wanted = select(accounts.c.preferences).where(accounts.c.id == account_id).with_for_update()
    before = connection.execute(wanted).scalar_one_or_none()
    return None if before is None else change(connection, account_id, {"preferences": before | changes})


def keep(connection: Connection, account_id: str, dialect: str, options: dict[str, Any]) -> Account | None:
    """options: new values by name; the dialect's others stay. None where there is no such account."""
    wanted = select(accounts.c.preferences).where(accounts.c.id == account_id).with_for_update()
    before = connection.execute(wanted).scalar_one_or_none()
    if before is None:
        return None
    kept = before.get("options", {})
    changed = kept | {dialect: kept.get(dialect, {}) | options}
    return change(connection, account_id, {"preferences": before | {"options": changed}})


def remove(connection: Connection, account_id: str, now: float) -> None:
    """Nothing opens it any more; its jobs end, and nobody finds them or its images until they are purged.

    Its collections, presets, webhooks, connectors and likes go at once.
    """
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(deleted=now))
    connection.execute(update(keys).where(keys.c.account == account_id, keys.c.revoked.is_(None)).values(revoked=now))
    its_jobs = jobs.c.account == account_id
    unclaimed = {"state": State.CANCELLED, "ended": now, "pixels": None}
    connection.execute(update(jobs).where(its_jobs, is_open).values(cancel_asked=True))
    gone = update(jobs).where(its_jobs, is_open, jobs.c.holder.is_(None)).values(unclaimed).returning(jobs.c.id)
    ledger.release(connection, list(connection.execute(gone).scalars()))
    for table in (collections, presets, webhooks, connectors, outbox, likes):
        connection.execute(delete(table).where(table.c.account == account_id))
    for table in (jobs, images):
        seen = table.c.account == account_id, table.c.deleted.is_(None)
        connection.execute(update(table).where(*seen).values(deleted=now))


def _account(row: Row[Any]) -> Account:
    same = {field.name: getattr(row, field.name) for field in fields(Account)}
    return Account(**same | {"preferences": Preferences(**row.preferences)})
