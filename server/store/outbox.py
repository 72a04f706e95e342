"""The outbox: messages that wait, who holds them, and how each attempt went. Each function is a step of a transaction.

Whoever sends a message holds it for the time of a lease. Who loses it, or dies, leaves it to be sent again: every
message arrives at least once, always under the same id.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from server.store.messages import WAITING
from server.store.tables import deliveries, jobs, outbox, webhooks

DELIVERED, FAILED = "delivered", "failed"


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent. target: the id of a webhook or a connector. lane: shared by what goes to one place.

    event: such as job.succeeded. data: the job as `messages.told` wrote it down. attempts: that were made before.
    """

    id: str
    account: str
    kind: str
    target: str
    lane: str
    job_id: str | None
    event: str
    data: dict[str, Any]
    created: float
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """status: HTTP's, where there was an answer. sentence: what was wrong, if anything."""

    at: float
    status: int | None
    sentence: str | None


@dataclass(frozen=True, slots=True)
class Logged:
    """A message as the log shows it. next_try: None once it is over."""

    id: str
    event: str
    job_id: str | None
    state: str
    created: float
    next_try: float | None
    attempts: tuple[Attempt, ...]


def next_due(connection: Connection) -> float | None:
    """When the next message, or the next lease that ran out, is to be looked at."""
    return connection.execute(select(func.min(outbox.c.next_try)).where(outbox.c.state == WAITING)).scalar_one()


def claim(
    connection: Connection,
    holder: str,
    now: float,
    lease_until: float,
    most: int,
    busy: Mapping[str, int],
    most_each: int,
) -> list[Message]:
    """Take what is due, the oldest first: at most so many, and no lane beyond `most_each`. busy: lanes in use."""
    counts = Counter(busy)
    full = [lane for lane, count in counts.items() if count >= most_each]
    due = outbox.c.state == WAITING, outbox.c.next_try <= now, outbox.c.lane.not_in(full)
    ordered = select(outbox).where(*due).order_by(outbox.c.next_try, outbox.c.created, outbox.c.id)
    taken = []
    for row in connection.execute(ordered.limit(most).with_for_update(skip_locked=True)):
        if counts[row.lane] < most_each:
            counts[row.lane] += 1
            taken.append(_message(row))
    mine = {"holder": holder, "next_try": lease_until}
    connection.execute(update(outbox).where(outbox.c.id.in_([message.id for message in taken])).values(mine))
    return taken


def settle(
    connection: Connection, message: Message, holder: str, attempt: Attempt, state: str, next_try: float | None
) -> None:
    """How an attempt went: over (delivered, failed), or waiting for the next. Nothing, where the lease was lost."""
    changes = {
        "state": state,
        "next_try": next_try,
        "holder": None,
        "attempts": message.attempts + 1,
        "status": attempt.status,
        "sentence": attempt.sentence,
        "ended": attempt.at if next_try is None else None,
    }
    mine = outbox.c.id == message.id, outbox.c.holder == holder
    if connection.execute(update(outbox).where(*mine).values(changes)).rowcount:
        told = {"message_id": message.id, "at": attempt.at, "status": attempt.status, "sentence": attempt.sentence}
        connection.execute(insert(deliveries), told)
        connection.execute(update(webhooks).where(webhooks.c.id == message.target).values(called=attempt.at))


def drop(connection: Connection, message_id: str) -> None:
    """It is wanted nowhere."""
    connection.execute(delete(outbox).where(outbox.c.id == message_id))


def release(connection: Connection, holders: Sequence[str], now: float) -> None:
    """What these held is due at once: they have stopped, or are known to be dead."""
    connection.execute(update(outbox).where(outbox.c.holder.in_(holders)).values(holder=None, next_try=now))


def page(connection: Connection, target: str, most: int) -> list[Logged]:
    """What was sent to one place, the newest first."""
    wanted = select(outbox).where(outbox.c.target == target)
    rows = connection.execute(wanted.order_by(outbox.c.created.desc(), outbox.c.id.desc()).limit(most)).all()
    attempts: dict[str, list[Attempt]] = {row.id: [] for row in rows}
    log = select(deliveries).where(deliveries.c.message_id.in_(attempts)).order_by(deliveries.c.id)
    for row in connection.execute(log):
        attempts[row.message_id].append(Attempt(row.at, row.status, row.sentence))
    return [
        Logged(row.id, row.event, row.job_id, row.state, row.created, row.next_try, tuple(attempts[row.id]))
        for row in rows
    ]


def again(connection: Connection, account: str, message_id: str, now: float) -> bool:
    """Send it once more from the beginning, under its id; one that is on its way just now stays so. False: no such."""
    its = outbox.c.account == account, outbox.c.id == message_id
    fresh = {"state": WAITING, "attempts": 0, "next_try": now, "ended": None}
    connection.execute(update(outbox).where(*its, outbox.c.holder.is_(None)).values(fresh))
    return connection.execute(select(outbox.c.id).where(*its)).one_or_none() is not None


def waiting(connection: Connection) -> dict[str, int]:
    """How many wait, by kind."""
    counted = select(outbox.c.kind, func.count()).where(outbox.c.state == WAITING).group_by(outbox.c.kind)
    return {str(kind): count for kind, count in connection.execute(counted)}


def purge(connection: Connection, before: float) -> None:
    """What was over before a moment, and webhooks of single jobs once nothing is left of either."""
    connection.execute(delete(outbox).where(outbox.c.ended < before))
    gone = webhooks.c.job_id.not_in(select(jobs.c.id)), webhooks.c.id.not_in(select(outbox.c.target))
    connection.execute(delete(webhooks).where(webhooks.c.job_id.is_not(None), *gone))


def _message(row: Row[Any]) -> Message:
    same = ("id", "account", "kind", "target", "lane", "job_id", "event", "data", "created", "attempts")
    return Message(**{name: getattr(row, name) for name in same})
