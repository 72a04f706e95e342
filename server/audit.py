"""The audit log, for those who read it, and for what happens outside of any transaction."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from server.errors import DatabaseLost, StorageFailed
from server.store import audit as rows
from server.store.audit import Entry
from server.store.database import Database

MOST_REFUSED = 20  # rows a minute of logins that were refused: who has no key must not fill the disk


class Audit:
    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._minute, self._refused = 0, 0

    async def note(self, what: str, subject: str | None = None, /, **detail: Any) -> None:
        """What is done without a transaction of its own. A database that cannot write just now does not hold it up."""
        with suppress(DatabaseLost, StorageFailed):
            await self._database.write_lightly(rows.note, what, subject, **detail)

    async def note_refused(self, code: str) -> None:
        """A login that was refused. Of many in a minute the first are written down; the next row then says how many
        there were besides.
        """
        minute, unwritten = int(self._clock() // 60), 0
        if minute != self._minute:
            unwritten = max(0, self._refused - MOST_REFUSED)
            self._minute, self._refused = minute, 0
        self._refused += 1
        if self._refused <= MOST_REFUSED:
            await self.note("login_refused", code=code, unwritten=unwritten)

    async def page(
        self, most: int, *, before: int | None = None, what: str | None = None, account: str | None = None
    ) -> list[Entry]:
        """The newest first. before: the id of the last one of the page before."""
        return await self._database.read(rows.page, most, before=before, what=what, account=account)
