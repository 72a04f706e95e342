"""The audit log, for those who read it, and for what happens outside of any transaction."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from server.errors import DatabaseLost, StorageFailed
from server.store import audit as rows
from server.store.audit import Entry
from server.store.database import Database

MOST_REFUSED = 20  # rows a minute of each word for what was refused: whom we refuse must not fill the disk


class Audit:
    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._refused: dict[str, tuple[int, int]] = {}  # the latest minute, and how many in it, by word

    async def note(self, what: str, subject: str | None = None, /, **detail: Any) -> None:
        """What is done without a transaction of its own. A database that cannot write just now does not hold it up."""
        with suppress(DatabaseLost, StorageFailed):
            await self._database.write_lightly(rows.note, what, subject, **detail)

    async def note_refused(self, what: str, **detail: Any) -> None:
        """What was refused. Of many in a minute the first are written down; the next row of the word then says how
        many there were besides.
        """
        now, unwritten = int(self._clock() // 60), 0
        minute, count = self._refused.get(what, (now, 0))
        if minute != now:
            unwritten, count = max(0, count - MOST_REFUSED), 0
        self._refused[what] = now, count + 1
        if count < MOST_REFUSED:
            await self.note(what, **detail, unwritten=unwritten)

    async def page(
        self, most: int, *, before: int | None = None, what: str | None = None, account: str | None = None
    ) -> list[Entry]:
        """The newest first. before: the id of the last one of the page before."""
        return await self._database.read(rows.page, most, before=before, what=what, account=account)
