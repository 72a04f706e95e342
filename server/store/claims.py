"""The jobs as a queue: claims, leases, and what holders may write. Each function is a step of a transaction.

A row has a holder exactly while somebody has claimed it and it has not ended. What a holder writes is fenced by the
attempt that it claimed: once its lease has run out and others took over, it changes nothing.
"""

from collections.abc import Iterable, Sequence
from itertools import takewhile

from sqlalchemy import ColumnElement, Connection, Row, select, update

from pipelines.tasks import Facts
from server.errors import JobAbandoned
from server.store import images as image_rows
from server.store import ledger, outbox
from server.store.jobs import is_open, note_ends
from server.store.tables import jobs
from server.store.tasks import write_facts
from server.store.words import Claim, Failure, Image, State

DEATHS_TO_BE_ALONE = 2  # of holders that drew a job; from then on it is drawn alone, so that nobody dies beside it
DEATHS_TO_FAIL = 3

FREE = {"holder": None, "lease_until": None, "started": None, "state": State.QUEUED}
OVER = {"holder": None, "lease_until": None, "pixels": None}


def claim(connection: Connection, holder: str, most: int, lease_until: float) -> list[Claim]:
    """Take queued jobs by priority, then age, as long as the holder has fewer than so many."""
    held = connection.execute(select(jobs.c.deaths).where(jobs.c.holder == holder)).scalars().all()
    if any(deaths >= DEATHS_TO_BE_ALONE for deaths in held):
        return []
    queued = (
        select(jobs.c.id, jobs.c.attempt, jobs.c.deaths)
        .where(jobs.c.state == State.QUEUED, jobs.c.holder.is_(None))
        .order_by(jobs.c.priority.desc(), jobs.c.created, jobs.c.id)
        .limit(most - len(held))
        .with_for_update(skip_locked=True)
    )
    taken = _company(connection.execute(queued).all(), is_alone=not held)
    changes = {"holder": holder, "lease_until": lease_until, "attempt": jobs.c.attempt + 1}
    connection.execute(update(jobs).where(jobs.c.id.in_([row.id for row in taken])).values(changes))
    return [Claim(row.id, holder, row.attempt + 1) for row in taken]


def renew(connection: Connection, holder: str, job_ids: Iterable[str], lease_until: float) -> set[str]:
    """Those of the jobs that are still the holder's."""
    mine = jobs.c.holder == holder, jobs.c.id.in_(list(job_ids))
    return set(
        connection.execute(update(jobs).where(*mine).values(lease_until=lease_until).returning(jobs.c.id)).scalars()
    )


def unwanted(connection: Connection, holder: str) -> list[str]:
    """The holder's jobs that somebody has cancelled."""
    return list(connection.execute(select(jobs.c.id).where(jobs.c.holder == holder, jobs.c.cancel_asked)).scalars())


def start(connection: Connection, claim: Claim, now: float) -> bool:
    """Its first tick is about to run. False, as from all that follow, where the claim is lost."""
    return _write(connection, claim, state=State.RUNNING, started=now)


def succeed(
    connection: Connection, claim: Claim, now: float, images: Sequence[Image], facts: Facts | None, steps: int
) -> bool:
    """The end of a job and the rows of its images, together."""
    said = write_facts(facts)
    if not _write(connection, claim, state=State.SUCCEEDED, ended=now, step=steps, steps=steps, facts=said, **OVER):
        return False
    image_rows.add(connection, claim.job_id, images)
    ledger.settle(connection, claim.job_id, len(images))
    note_ends(connection, [claim.job_id], now)
    return True


def fail(connection: Connection, claim: Claim, now: float, failure: Failure) -> bool:
    told = {"error_code": failure.code, "error_sentence": failure.sentence}
    if not _write(connection, claim, state=State.FAILED, ended=now, **told, **OVER):
        return False
    ledger.release(connection, [claim.job_id])
    note_ends(connection, [claim.job_id], now)
    return True


def give_back(connection: Connection, holder: str, now: float, job_id: str | None = None) -> list[str]:
    """What is not drawn to its end after all, one job or all that are held, and through no fault of its own.

    It is queued again, or cancelled if that is why. Returns the ids of what is cancelled.
    """
    mine = jobs.c.holder == holder if job_id is None else (jobs.c.holder == holder) & (jobs.c.id == job_id)
    return _free(connection, mine, now)


def recover(connection: Connection, dead: Sequence[str], now: float) -> list[str]:
    """Free the jobs of holders that are known to be dead, and those whose lease has run out.

    Those that were being drawn when a holder was lost are suspects, or where none was, those about to be: such a job
    may be what the holder died of. One that was a suspect three times fails. Returns the ids of those. Messages that
    the dead were sending are due again.
    """
    is_lost = (jobs.c.lease_until < now) | jobs.c.holder.in_(dead)
    lost = select(jobs.c.id, jobs.c.holder, jobs.c.state).where(jobs.c.holder.is_not(None), is_lost)
    rows = connection.execute(lost.with_for_update(skip_locked=True)).all()
    drawing = {row.holder for row in rows if row.state == State.RUNNING}
    suspects = [row.id for row in rows if row.state == State.RUNNING or row.holder not in drawing]
    connection.execute(update(jobs).where(jobs.c.id.in_(suspects)).values(deaths=jobs.c.deaths + 1))
    these = jobs.c.id.in_([row.id for row in rows])
    told = JobAbandoned()
    failed = {"state": State.FAILED, "ended": now, "error_code": told.code, "error_sentence": told.sentence} | OVER
    given_up = update(jobs).where(these, jobs.c.deaths >= DEATHS_TO_FAIL).values(failed).returning(jobs.c.id)
    abandoned = list(connection.execute(given_up).scalars())
    ledger.release(connection, abandoned)
    note_ends(connection, abandoned, now)
    outbox.release(connection, dead, now)
    _free(connection, these, now)
    return abandoned


def _free(connection: Connection, these: ColumnElement[bool], now: float) -> list[str]:
    """Queue jobs again, or cancel those that somebody cancelled; the ids of the latter."""
    unwanted = {"state": State.CANCELLED, "ended": now} | OVER
    gone = update(jobs).where(these, is_open, jobs.c.cancel_asked).values(unwanted).returning(jobs.c.id)
    cancelled = list(connection.execute(gone).scalars())
    ledger.release(connection, cancelled)
    note_ends(connection, cancelled, now)
    connection.execute(update(jobs).where(these, is_open).values(FREE))
    return cancelled


def _company(rows: Sequence[Row[str, int, int]], *, is_alone: bool) -> Sequence[Row[str, int, int]]:
    """Those at the front that may be drawn together."""
    if rows and rows[0].deaths >= DEATHS_TO_BE_ALONE:
        return rows[:1] if is_alone else []
    return list(takewhile(lambda row: row.deaths < DEATHS_TO_BE_ALONE, rows))


def _write(connection: Connection, claim: Claim, **changes: object) -> bool:
    """Nothing of a job that is deleted before its end, with its account: what it drew would be nobody's for good."""
    fence = jobs.c.id == claim.job_id, jobs.c.holder == claim.holder, jobs.c.attempt == claim.attempt
    return connection.execute(update(jobs).where(*fence, jobs.c.deleted.is_(None)).values(changes)).rowcount == 1
