"""What an account has, what it used, and what the operator gives it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.store import ledger
from server.store.audit import noted
from server.store.database import Database
from server.store.ledger import Purse, Used

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Usage:
    """rows: by day and model, the newest day first."""

    purse: Purse
    rows: Sequence[Used]


class Credits:
    """Amounts are thousandths of a credit."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def usage(self, account: str, days: int) -> Usage:
        """Of today and the days before it, in UTC: so many in all."""
        since = ledger.day_of(self._clock() - (days - 1) * DAY)
        rows = await self._database.read(ledger.used, account, since)
        return Usage(await self.purse(account), rows)

    async def purse(self, account: str) -> Purse:
        return await self._database.read(ledger.purse, account)

    async def cost(self, job_id: str) -> int:
        """What a job has been charged so far."""
        return await self._database.read(ledger.cost, job_id)

    async def grant(self, account: str, amount: int) -> Purse:
        """A negative amount takes credits back."""
        await self._database.write(
            noted(ledger.grant, "credits_granted", account, thousandths=amount), account, amount, self._clock()
        )
        return await self.purse(account)

    async def set_quota(self, account: str, amount: int | None) -> Purse:
        """What it may spend beyond what it was granted; None is anything."""
        await self._database.write(noted(ledger.set_quota, "quota_set", account, thousandths=amount), account, amount)
        return await self.purse(account)
