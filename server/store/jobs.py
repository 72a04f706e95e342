"""The rows of jobs, as those who ask for them see them. Each function is a step of a transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, tuple_, update

from pipelines.engine.protocol import Terms
from server.store import images as image_rows
from server.store import messages
from server.store.database import one_at_a_time
from server.store.tables import jobs
from server.store.tasks import read_facts
from server.store.words import OPEN, Caption, Encoding, Failure, Image, Job, Origin, State

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
    row["caption"] = asdict(job.caption)
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
    *,
    after: tuple[float, str] | None = None,
    state: State | None = None,
    api: str | None = None,
    with_deleted: bool = False,
) -> list[Job]:
    """The jobs of an account, the newest first. after: the creation and the id of the last one of the page before."""
    wanted = select(jobs).where(jobs.c.account == account)
    if after is not None:
        wanted = wanted.where(tuple_(jobs.c.created, jobs.c.id) < after)
    if state is not None:
        wanted = wanted.where(jobs.c.state == state)
    if api is not None:
        wanted = wanted.where(jobs.c.api == api)
    if not with_deleted:
        wanted = wanted.where(jobs.c.deleted.is_(None))
    ordered = wanted.order_by(jobs.c.created.desc(), jobs.c.id.desc()).limit(most)
    return _whole(connection, connection.execute(ordered).all())


def cancel(connection: Connection, job_id: str, now: float) -> None:
    """At once where nobody has claimed it; otherwise its holder is asked. A job that has ended stays as it is."""
    mine = jobs.c.id == job_id, is_open
    connection.execute(update(jobs).where(*mine).values(cancel_asked=True))
    over = {"state": State.CANCELLED, "ended": now, "pixels": None}
    unclaimed = update(jobs).where(*mine, jobs.c.holder.is_(None)).values(over).returning(jobs.c.id)
    note_ends(connection, connection.execute(unclaimed).scalars().all(), now)


def note_ends(connection: Connection, job_ids: Iterable[str], now: float) -> None:
    """Call in every transaction that ends jobs, once their rows say how: what is to be told of it is written down."""
    for job_id in job_ids:
        if (job := get(connection, job_id)) is not None:
            messages.write_down(connection, job, now)


def forget(connection: Connection, before: float, now: float) -> None:
    """Nobody sees the jobs any more that ended before a moment; their rows stay until they are purged."""
    over = jobs.c.ended < before, jobs.c.deleted.is_(None)
    connection.execute(update(jobs).where(*over).values(deleted=now))


def purge(connection: Connection, before: float) -> None:
    """What was deleted before a moment."""
    connection.execute(delete(jobs).where(jobs.c.deleted < before))


def _whole(connection: Connection, rows: Sequence[Row[Any]]) -> list[Job]:
    images = image_rows.of_jobs(connection, [row.id for row in rows])
    return [_job(row, images.get(row.id, ())) for row in rows]


def _job(row: Row[Any], images: tuple[Image, ...]) -> Job:
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
    )


def _caption(said: dict[str, Any] | None) -> Caption:
    return Caption(**said | {"tags": tuple(said["tags"])}) if said else Caption()
