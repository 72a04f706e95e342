"""Where somebody who asks stands: what a window of time allows, what is left of it, when it begins anew."""

from dataclasses import dataclass
from math import ceil

from server.limits.tiers import LIMITLESS


@dataclass(frozen=True, slots=True)
class Allowance:
    """Of one window. limit: LIMITLESS where there is none. reset: the end of the window, in seconds since 1970."""

    limit: int
    remaining: int
    reset: int


@dataclass(frozen=True, slots=True)
class Standing:
    """At one moment, `now`, in seconds since 1970. credits: thousandths that may still be spent; None is any number."""

    now: float
    minute: Allowance
    hour: Allowance
    day: Allowance
    credits: int | None

    @property
    def tightest(self) -> Allowance:
        """The window that is full first; of several, the one that is over last."""
        return min(self.minute, self.hour, self.day, key=lambda window: (window.remaining, -window.reset))

    def seconds_to(self, window: Allowance) -> int:
        """Until it begins anew."""
        return max(0, ceil(window.reset - self.now))


def free(end: int) -> Allowance:
    return Allowance(LIMITLESS, LIMITLESS, end)
