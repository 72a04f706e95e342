"""API keys: made once, shown once, stored as hashes, found by their id and compared in constant time.

A key reads dk_<id>_<secret>. The secret has 256 random bits, so one SHA-256 is enough (there is nothing to guess), and
whoever reads the database gains nothing. Each request looks its key up, so that one that was revoked, here or by
another process, opens nothing from then on.
"""

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from server.errors import DatabaseLost, KeyUnknown, KeyWrong, ModelNotAllowed, StorageFailed
from server.store import accounts as account_rows
from server.store import keys as rows
from server.store.audit import noted
from server.store.database import Database
from server.store.owners import ADMIN, EVERYTHING, Account, Key, Scope

__all__ = ["ADMIN", "EVERYTHING", "Account", "Caller", "Key", "Keys", "Scope", "make_first_key", "new_key", "take_over"]

KEYS_FILE = "keys.json"  # of older versions
FORM = re.compile(rb"dk_([0-9a-f]{8,32})_[\w-]{20,64}")
NOBODY = hashlib.sha256(b"").hexdigest()  # what a key is compared with whose id nobody knows
NOTED_SECONDS = 60.0  # between two notes that a key was used


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what is allowed. key: the id of the key, None without one. models: None for all of them."""

    account: str
    key: str | None = None
    scopes: frozenset[Scope] = EVERYTHING
    models: frozenset[str] | None = None

    def may_use(self, model: str) -> bool:
        return self.models is None or model in self.models

    def check_models(self, models: set[str]) -> None:
        """Raises ModelNotAllowed where one of them is not for this caller."""
        if not all(map(self.may_use, models)):
            raise ModelNotAllowed


class Keys:
    """admin_key: one of the operator's own for the account `admin`, which exists in memory only, as a hash."""

    def __init__(
        self, database: Database, admin_key: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._admin = None if admin_key is None else hashed(admin_key.encode())
        self._clock = clock
        self._noted: dict[str, float] = {}  # when it was last written down that a key was used

    async def caller(self, presented: bytes) -> Caller:
        """Whose key it is; raises KeyWrong."""
        digest = hashed(presented)
        if self._admin is not None and hmac.compare_digest(digest, self._admin):
            return Caller(ADMIN, "environment")
        match = FORM.fullmatch(presented)
        key = await self._database.read(rows.get_valid, match[1].decode(), self._clock()) if match else None
        if not hmac.compare_digest(digest, key.sha256 if key else NOBODY) or key is None:
            raise KeyWrong
        await self._note_use(key)
        return Caller(key.account, key.id, key.scopes, key.models)

    async def make(self, account: str, name: str, **rights: Any) -> tuple[Key, str]:
        """A new key and its secret form, which is known only now. rights: `scopes`, `models`, `expires` of Key."""
        key, secret = new_key(account, name, self._clock(), **rights)
        rights_told = {"of": account, "scopes": sorted(key.scopes), "expires": key.expires}
        await self._database.write(noted(rows.put, "key_made", key.id, **rights_told), key)
        return key, secret

    async def listed(self, account: str) -> list[Key]:
        return await self._database.read(rows.of_account, account)

    async def revoke(self, caller: Caller, key_id: str) -> None:
        """Of the caller's own account, or for `admin` of any. Raises KeyUnknown, for the keys of others too."""
        key = await self._database.read(rows.get, key_id)
        if key is None or caller.account not in (key.account, ADMIN):
            raise KeyUnknown
        await self._database.write(noted(rows.revoke, "key_revoked", key_id, of=key.account), key_id, self._clock())

    async def _note_use(self, key: Key) -> None:
        """A server that cannot write just now still knows its keys."""
        now = self._clock()
        if now - self._noted.get(key.id, key.last_used or 0) >= NOTED_SECONDS:
            self._noted[key.id] = now
            with suppress(DatabaseLost, StorageFailed):
                await self._database.write(rows.note_use, key.id, now)


def hashed(presented: bytes) -> str:
    return hashlib.sha256(presented).hexdigest()


def new_key(account: str, name: str, now: float, **rights: Any) -> tuple[Key, str]:
    """A key to be kept, and its secret form. rights: as for `Keys.make`."""
    key_id = secrets.token_hex(8)
    secret = f"dk_{key_id}_{secrets.token_urlsafe(32)}"
    return Key(key_id, hashed(secret.encode()), account, name, now, **rights), secret


def make_first_key(database: Database) -> str | None:
    """Make and store a key where there is none yet, and return it this once; None where there is one already."""
    key, secret = new_key(ADMIN, "first", time.time())
    with database.begin() as connection:
        return secret if noted(rows.put_first, "key_made", key.id, of=ADMIN)(connection, key) else None


def take_over(database: Database, folder: Path) -> None:
    """Bring the keys of an older version, which lay in a file of the data folder, into the database; once."""
    file = folder / KEYS_FILE
    with suppress(FileNotFoundError):  # also where another server that starts just now was faster
        stored = json.loads(file.read_text(encoding="utf-8"))
        with database.begin() as connection:
            for entry in stored:
                _take_over(connection, entry)
        file.rename(file.with_suffix(".json.taken"))


def _take_over(connection: Connection, entry: dict[str, str]) -> None:
    now = time.time()
    account_rows.put_unless_there(connection, Account(entry["account"], entry["account"], now))
    rows.put_unless_there(connection, Key(entry["id"], entry["sha256"], entry["account"], "taken over", now))
