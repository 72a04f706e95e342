"""Accounts: who owns jobs, images and keys. The account `admin` is always there."""

import secrets
import time
from collections.abc import Callable
from typing import Any

from server.errors import AccountNeeded, AccountUnknown
from server.store import accounts as rows
from server.store.audit import noted
from server.store.database import Database
from server.store.owners import ADMIN, Account, Preferences

__all__ = ["ADMIN", "Account", "Accounts", "Preferences"]


class Accounts:
    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def make(self, name: str, **said: Any) -> Account:
        """said: `email`, `plan`, `storage_limit` of Account."""
        account = Account(f"account_{secrets.token_urlsafe(16)}", name, self._clock(), **said)
        await self._database.write(noted(rows.put, "account_made", account.id), account)
        return account

    async def of_token(self, account_id: str, name: str, email: str | None) -> Account:
        """The account that an access token speaks of, made at first sight. Raises AccountUnknown if deleted."""
        account = await self._database.read(rows.get, account_id)
        if account is None:
            new = Account(account_id, name, self._clock(), email)
            account = await self._database.write(rows.put_unless_there, new)
        return _there(account)

    async def find(self, account_id: str) -> Account:
        """Raises AccountUnknown."""
        return _there(await self._database.read(rows.get, account_id))

    async def page(self, most: int, after: str = "") -> list[Account]:
        """In the order of their ids. after: the id of the last one of the page before."""
        return await self._database.read(rows.page, most, after)

    async def change(self, account_id: str, changes: dict[str, Any]) -> Account:
        """changes: new values by field of Account. Raises AccountUnknown."""
        await self.find(account_id)
        change = noted(rows.change, "account_changed", account_id, fields=sorted(changes))
        return _there(await self._database.write(change, account_id, changes))

    async def prefer(self, account_id: str, changes: dict[str, Any]) -> Account:
        """changes: new values by field of Preferences; the others stay. Raises AccountUnknown."""
        return _there(await self._database.write(rows.prefer, account_id, changes))

    async def keep(self, account_id: str, dialect: str, options: dict[str, Any]) -> Account:
        """options: of a dialect, new values by name; its others stay. Raises AccountUnknown."""
        return _there(await self._database.write(rows.keep, account_id, dialect, options))

    async def storage_limit_of(self, account_id: str) -> int | None:
        """In bytes; None for no limit."""
        account = await self._database.read(rows.get, account_id)
        return None if account is None else account.storage_limit

    async def saves(self, account_id: str) -> bool:
        """Whether its pictures go into the gallery where the request does not say."""
        account = await self._database.read(rows.get, account_id)
        return account is not None and account.preferences.auto_save is True

    async def remove(self, account_id: str) -> None:
        """With all that it owns. Raises AccountUnknown, and AccountNeeded for `admin`."""
        if account_id == ADMIN:
            raise AccountNeeded
        await self.find(account_id)
        await self._database.write(noted(rows.remove, "account_deleted", account_id), account_id, self._clock())


def _there(account: Account | None) -> Account:
    if account is None:
        raise AccountUnknown
    return account
