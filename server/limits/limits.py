"""Whose requests are counted in which windows, and how many are left."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from server.limits.standing import Allowance, Standing, free
from server.limits.tiers import LENGTHS, Tier, Tiers
from server.store import accepting, counts, ledger
from server.store.counts import Window
from server.store.database import Database

PlanOf = Callable[[Connection, str], str | None]


@dataclass(frozen=True, slots=True)
class Asker:
    """key: the id of the key, where there is one. dialect: by which API; None is our own."""

    account: str
    key: str | None = None
    dialect: str | None = None


def no_plan(connection: Connection, account: str) -> str | None:
    """What every account has while nobody says otherwise."""
    return None


class Limits:
    """plan_of: a step that finds the plan of an account, which names its tier."""

    def __init__(
        self, database: Database, tiers: Tiers, plan_of: PlanOf = no_plan, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._tiers = tiers
        self._plan_of = plan_of
        self._clock = clock

    @property
    def every_request(self) -> bool:
        """Whether looking counts as drawing does."""
        return self._tiers.every_request

    async def windows(self, asker: Asker) -> tuple[Window, ...]:
        """Those in which a request of the asker is to be counted now; none where nothing limits it."""
        if not self._tiers.tiers:
            return ()
        return await self._database.read(self._windows, asker, self._clock())

    async def count(self, asker: Asker) -> None:
        """One request more, by itself. Raises RateLimited."""
        if windows := await self.windows(asker):
            await self._database.write(accepting.count, windows, self._clock())

    async def standing(self, asker: Asker) -> Standing:
        """As it is now."""
        return await self._database.read(self._standing, asker, self._clock())

    def _standing(self, connection: Connection, asker: Asker, now: float) -> Standing:
        windows = {window.seconds: window for window in self._windows(connection, asker, now)}
        counted = counts.counted(connection, tuple(windows.values()))
        shown = {name: free(_start(seconds, now) + seconds) for name, seconds in LENGTHS.items()}
        for name, seconds in LENGTHS.items():
            if (window := windows.get(seconds)) is not None:
                shown[name] = Allowance(window.most, max(0, window.most - counted[seconds]), window.end)
        return Standing(now, **shown, credits=ledger.left(connection, asker.account))

    def _windows(self, connection: Connection, asker: Asker, now: float) -> tuple[Window, ...]:
        subject, tier = self._tier(connection, asker)
        limited = {seconds: most for name, seconds in LENGTHS.items() if (most := tier.most(name)) is not None}
        return tuple(Window(subject, seconds, _start(seconds, now), most) for seconds, most in limited.items())

    def _tier(self, connection: Connection, asker: Asker) -> tuple[str, Tier]:
        """With whose count it is: an API with a tier of its own counts by itself."""
        own = self._tiers.dialects.get(asker.dialect or "")
        tier = self._tiers.tiers[own] if own else self._tiers.of_plan(self._plan(connection, asker.account))
        who = f"key {asker.key}" if tier.per == "key" and asker.key else f"account {asker.account}"
        return f"{asker.dialect if own else 'any API'}: {who}", tier

    def _plan(self, connection: Connection, account: str) -> str | None:
        return self._plan_of(connection, account) if self._tiers.tiers else None


def _start(seconds: int, now: float) -> int:
    return int(now) // seconds * seconds
