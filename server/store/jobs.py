"""The rows of jobs, as those who ask for them see them. Each function is a step of a transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, tuple_, update

from pipelines.engine.protocol import Terms
from server.store import images as image_rows
from server.store import ledger, messages
from server.store.audit import note
from server.store.database import one_at_a_time
from server.store.tables import jobs
from server.store.tasks import read_facts
from server.store.words import OPEN, Caption, Encoding, Failure, Image, Job, Origin, State, Wanted

QUEUE_LOCK = 2

is_open = jobs.c.state.in_(OPEN)


def put(connection: Connection, job: Job, task: str, pixels: str | None, most_queued: int) -> bool:
    """Keep a new job with its task as it is written down, unless that many are queued; True if it is kept."""
    one_at_a_time(connection, QUEUE_LOCK)
    if is_full(connection, most_queued):
        return False
    row = {"id": job.id, "model": job.model, "encoding": asdict(job.encoding), "state": job.state}
    row |= {"api": job.origin.api, "said": dict(job.origin.said)}
    row |= asdict(job.terms) | {"created": job.created, "task": task, "pixels": pixels}
    row |= {"caption": asdict(job.caption), "kind": job.kind, "request": job.request}
    connection.execute(insert(jobs), row)
    return True


def is_full(connection: Connection, most_queued: int) -> bool:
    """As things are now; only `put` can be sure."""
    queued = select(func.count()).where(jobs.c.state == State.QUEUED)
    return connection.execute(queued).scalar_one() >= most_queued


def open_by_model(connection: Connection) -> dict[tuple[State, str | None], int]:
    """How many jobs have not ended, by state and model."""
    counted = select(jobs.c.state, jobs.c.model, func.count()).where(is_open).group_by(jobs.c.state, jobs.c.model)
    return {(State(state), model): count for state, model, count in connection.execute(counted)}


def usual_seconds(connection: Connection) -> dict[str, float]:
    """How long drawing took on average, by model, of the jobs whose rows are there."""
    drawn = jobs.c.state == State.SUCCEEDED, jobs.c.model.is_not(None), jobs.c.started.is_not(None)
    counted = select(jobs.c.model, func.avg(jobs.c.ended - jobs.c.started)).where(*drawn).group_by(jobs.c.model)
    return {str(model): float(seconds) for model, seconds in connection.execute(counted)}


def get(connection: Connection, job_id: str) -> Job | None:
    """With its images; None where it is deleted."""
    row = connection.execute(select(jobs).where(jobs.c.id == job_id, jobs.c.deleted.is_(None))).one_or_none()
    return None if row is None else _whole(connection, [row])[0]


def task_of(connection: Connection, job_id: str) -> tuple[str, str | None] | None:
    """What a job is to draw, as it was put."""
    row = connection.execute(select(jobs.c.task, jobs.c.pixels).where(jobs.c.id == job_id)).one_or_none()
    return None if row is None else (row.task, row.pixels)


def page(
    connection: Connection,
    account: str,
    most: int,
    wanted: Wanted | None = None,
    *,
    after: tuple[float, str] | None = None,
    offset: int = 0,
) -> list[Job]:
    """The jobs of an account, the newest first. after: the creation and the id of the last one of the page before."""
    listed = select(jobs).where(*_all_of(account, wanted))
    if after is not None:
        listed = listed.where(tuple_(jobs.c.created, jobs.c.id) < after)
    ordered = listed.order_by(jobs.c.created.desc(), jobs.c.id.desc()).limit(most).offset(offset)
    return _whole(connection, connection.execute(ordered).all())


def count(connection: Connection, account: str, wanted: Wanted | None = None) -> int:
    """How many there are on all pages together."""
    return connection.execute(select(func.count()).select_from(jobs).where(*_all_of(account, wanted))).scalar_one()


def cancel(connection: Connection, job_id: str, now: float) -> None:
    """At once where nobody has claimed it; otherwise its holder is asked. A job that has ended stays as it is.

    The audit log has it once, however often it is asked for.
    """
    mine = jobs.c.id == job_id, is_open
    if connection.execute(update(jobs).where(*mine, ~jobs.c.cancel_asked).values(cancel_asked=True)).rowcount:
        note(connection, "job_cancelled", job_id)
    over = {"state": State.CANCELLED, "ended": now, "pixels": None}
    unclaimed = update(jobs).where(*mine, jobs.c.holder.is_(None)).values(over).returning(jobs.c.id)
    gone = list(connection.execute(unclaimed).scalars())
    ledger.release(connection, gone)
    note_ends(connection, gone, now)


def remove(connection: Connection, job_id: str, now: float) -> None:
    """Nobody sees a job that has ended any more, nor its images, who does not ask for what is deleted."""
    over = jobs.c.id == job_id, ~is_open, jobs.c.deleted.is_(None)
    if connection.execute(update(jobs).where(*over).values(deleted=now)).rowcount:
        image_rows.remove_of_job(connection, job_id, now)


def remove_for_good(connection: Connection, job_id: str) -> None:
    """The rows of a job that has ended, and of its images, go at once; the files with the next sweep."""
    over = select(jobs.c.id).where(jobs.c.id == job_id, ~is_open)
    if connection.execute(over).first() is not None:
        image_rows.remove_of_job_for_good(connection, job_id)
        connection.execute(delete(jobs).where(jobs.c.id == job_id))


def note_ends(connection: Connection, job_ids: Iterable[str], now: float) -> None:
    """Call in every transaction that ends jobs, once their rows say how: what is to be told of it is written down."""
    for job_id in job_ids:
        if (job := get(connection, job_id)) is not None:
            messages.write_down(connection, job, now)


def forget(connection: Connection, before: float, now: float) -> int:
    """Nobody sees the jobs any more that ended before a moment, so many; their rows stay until they are purged."""
    over = jobs.c.ended < before, jobs.c.deleted.is_(None)
    return connection.execute(update(jobs).where(*over).values(deleted=now)).rowcount


def purge(connection: Connection, before: float) -> int:
    """What was deleted before a moment: so many."""
    return connection.execute(delete(jobs).where(jobs.c.deleted < before)).rowcount


def _all_of(account: str, wanted: Wanted | None) -> list[ColumnElement[bool]]:
    """What holds of a job of the account that is wanted."""
    wanted = wanted or Wanted()
    holds = [jobs.c.account == account]
    same = {"model": wanted.model, "kind": wanted.kind, "api": wanted.api}
    holds += [jobs.c[name] == value for name, value in same.items() if value is not None]
    if wanted.states:
        holds.append(jobs.c.state.in_(wanted.states))
    if wanted.created_after is not None:
        holds.append(jobs.c.created > wanted.created_after)
    if wanted.created_before is not None:
        holds.append(jobs.c.created < wanted.created_before)
    if not wanted.with_deleted:
        holds.append(jobs.c.deleted.is_(None))
    return holds


def _whole(connection: Connection, rows: Sequence[Row[Any]]) -> list[Job]:
    images = image_rows.of_jobs(connection, [row.id for row in rows])
    places = _places(connection, [row.id for row in rows if row.state == State.QUEUED])
    return [_job(row, images.get(row.id, ()), places.get(row.id)) for row in rows]


def _places(connection: Connection, job_ids: Sequence[str]) -> dict[str, int]:
    """Where each of these is in the queue of all, which goes by priority, then age."""
    if not job_ids:
        return {}
    order = func.row_number().over(order_by=(jobs.c.priority.desc(), jobs.c.created, jobs.c.id))
    queue = select(jobs.c.id, order.label("place")).where(jobs.c.state == State.QUEUED).subquery()
    found = connection.execute(select(queue).where(queue.c.id.in_(job_ids)))
    return {row.id: row.place for row in found}


def _job(row: Row[Any], images: tuple[Image, ...], place: int | None) -> Job:
    return Job(
        id=row.id,
        model=row.model,
        encoding=Encoding(**row.encoding),
        terms=Terms(row.account, row.priority, row.deadline, row.previews),
        created=row.created,
        state=State(row.state),
        started=row.started,
        ended=row.ended,
        step=row.step,
        steps=row.steps,
        images=images,
        facts=read_facts(row.facts),
        origin=Origin(row.api, row.said),
        failure=Failure(row.error_code, row.error_sentence) if row.error_code else None,
        caption=_caption(row.caption),
        kind=row.kind,
        request=row.request,
        attempt=row.attempt,
        deleted=row.deleted,
        place=place,
    )


def _caption(said: dict[str, Any] | None) -> Caption:
    return Caption(**said | {"tags": tuple(said["tags"])}) if said else Caption()
