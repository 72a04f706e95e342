"""Whose turn it is: higher priority first, ageing with the wait; then the account that was served least; then order."""

from collections.abc import Iterable

from pipelines.engine.running import Order

AGEING_SECONDS = 30.0  # of waiting are worth one step of priority, so that nobody waits for ever

Standing = tuple[float, float]


class Turns:
    """Keeps how much was drawn for each account, in rows times latent numbers."""

    def __init__(self) -> None:
        self._served: dict[str, float] = {}

    def welcome(self, account: str, active: Iterable[str]) -> None:
        """An account that comes, or comes back, is served as if it had got as much as the least served active one.

        Otherwise its long absence would count for it, and all others would wait until it had caught up.
        """
        others = [self._served[other] for other in active if other in self._served]
        self._served[account] = max(self._served.get(account, 0.0), min(others, default=0.0))

    def charge(self, account: str, work: float) -> None:
        self._served[account] += work

    def standing(self, order: Order, now: float, top: int) -> Standing:
        """The lower, the sooner. top: the highest priority there is; age lifts nobody above it, so that among equals
        the account and the work decide, not who came first."""
        aged = order.terms.priority + int((now - order.since) / AGEING_SECONDS)
        return -min(aged, top), self._served[order.terms.account]

    def forget(self, active: Iterable[str]) -> None:
        """Keep only what is needed: accounts that have something to draw."""
        kept = set(active)
        self._served = {account: work for account, work in self._served.items() if account in kept}
