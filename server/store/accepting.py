"""What happens together when a job is accepted: its row, its reservation, its request counted. Steps of a transaction.

All or nothing: whatever is refused raises, which takes back what the steps before it wrote.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from server.errors import RateLimited
from server.store import counts, idempotency, jobs, ledger
from server.store.counts import Window
from server.store.words import Call, Job

Beside = Callable[[Connection, str], object]  # a step of a transaction, for the job of that id


@dataclass(frozen=True, slots=True)
class Toll:
    """What a job costs: thousandths of a credit, and one request in each of the windows."""

    price: int = 0
    windows: tuple[Window, ...] = ()


def accept(
    connection: Connection,
    job: Job,
    task: str,
    pixels: str | None,
    most_queued: int,
    call: Call,
    kept_seconds: float,
    toll: Toll,
    beside: Sequence[Beside] = (),
) -> str | None:
    """As idempotency.put, for its toll, and the steps beside it; a request that comes again pays and does nothing.

    Raises RateLimited and CreditsShort.
    """
    kept = idempotency.put(connection, job, task, pixels, most_queued, call, kept_seconds)
    if kept == job.id:
        pay(connection, job, toll)
        for step in beside:
            step(connection, job.id)
    return kept


def pay(connection: Connection, job: Job, toll: Toll) -> None:
    """In the transaction of jobs.put, after it: its lock makes others wait. Raises RateLimited and CreditsShort."""
    count(connection, toll.windows, job.created)
    ledger.reserve(connection, job, toll.price)


def count(connection: Connection, windows: Sequence[Window], now: float) -> None:
    """One more request. Raises RateLimited, which takes the whole transaction back."""
    _refuse(counts.add_one(connection, windows), now)


def foresee(connection: Connection, account: str, most_queued: int, toll: Toll, now: float) -> bool:
    """Whether `accept` would, as things are now. Raises the same."""
    if jobs.is_full(connection, most_queued):
        return False
    counted = counts.counted(connection, toll.windows)
    _refuse([window for window in toll.windows if counted[window.seconds] >= window.most], now)
    ledger.check(connection, account, toll.price)
    return True


def _refuse(full: Sequence[Window], now: float) -> None:
    if full:
        raise RateLimited(max(1, math.ceil(max(window.end for window in full) - now)))
