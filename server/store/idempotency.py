"""The rows of requests: which job a request has that is sent again. Each function is a step of a transaction.

After draft-ietf-httpapi-idempotency-key-header-07, but for what is still being drawn: whoever asks again waits for the
same job. Clients that send no key but say how often they tried are known by what they sent.
"""

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from server.errors import PASSING, IdempotencyKeyReused
from server.store import jobs as job_rows
from server.store.database import one_at_a_time
from server.store.tables import jobs, requests
from server.store.words import Call, Job, State

TRIED_SECONDS = 900.0  # since the first try: as long as clients wait for an answer, ten minutes, and then some

# What was promised once and broke for a reason that passes is drawn anew; another end is an answer.
is_passing = and_(jobs.c.state == State.FAILED, jobs.c.error_code.in_(PASSING))


def put(
    connection: Connection,
    job: Job,
    task: str,
    pixels: str | None,
    most_queued: int,
    call: Call,
    kept_seconds: float,
) -> str | None:
    """Keep a new job, as `jobs.put` does, unless its request has one: the id of its job, None where the queue is full.

    Raises IdempotencyKeyReused.
    """
    one_at_a_time(connection, job_rows.QUEUE_LOCK)
    if (known := find(connection, job.account, call, job.created, kept_seconds)) is not None:
        return known
    if not job_rows.put(connection, job, task, pixels, most_queued):
        return None
    if call.may_come_again:
        _note(connection, job, call)
    return job.id


def find(connection: Connection, account: str, call: Call, now: float, kept_seconds: float) -> str | None:
    """The job of the request that this one repeats, which from now on is waited for again; None where there is none.

    kept_seconds: for which keys are known. Raises IdempotencyKeyReused where the key came with another request.
    """
    if call.key is not None:
        return _of_key(connection, account, call, now - kept_seconds)
    return _of_earlier_try(connection, account, call, now - TRIED_SECONDS) if call.tries else None


def let_go(connection: Connection, job_id: str, tries: int, now: float) -> bool:
    """Nobody waits any more for a job at the so many-th try; True where its request may come again all the same."""
    this = requests.c.job_id == job_id
    connection.execute(update(requests).where(this, requests.c.tries <= tries).values(left=now))
    return connection.execute(select(requests.c.job_id).where(this)).first() is not None


def abandon(connection: Connection, before: float, now: float) -> list[str]:
    """Cancel the open jobs without a key that were let go of before a moment; whoever comes later begins anew."""
    left = requests.c.key.is_(None), requests.c.left < before
    is_open = requests.c.job_id.in_(select(jobs.c.id).where(job_rows.is_open))
    gone = list(connection.execute(delete(requests).where(*left, is_open).returning(requests.c.job_id)).scalars())
    for job_id in gone:
        job_rows.cancel(connection, job_id, now)
    return gone


def forget(connection: Connection, now: float, kept_seconds: float) -> None:
    """The requests that are too old to come again."""
    old_try = and_(requests.c.key.is_(None), requests.c.created < now - TRIED_SECONDS)
    connection.execute(delete(requests).where(or_(old_try, requests.c.created < now - kept_seconds)))


def _of_key(connection: Connection, account: str, call: Call, since: float) -> str | None:
    """A job that is gone is still the answer: to draw another one would be the second."""
    wanted = (
        select(requests.c.fingerprint, requests.c.job_id, is_passing.label("is_passing"))
        .outerjoin(jobs, jobs.c.id == requests.c.job_id)
        .where(requests.c.account == account, requests.c.key == call.key, requests.c.number == call.number)
        .where(requests.c.created > since)
    )
    row = connection.execute(wanted).one_or_none()
    if row is None:
        return None
    if row.fingerprint != call.fingerprint:
        raise IdempotencyKeyReused
    return None if row.is_passing else str(row.job_id)


def _of_earlier_try(connection: Connection, account: str, call: Call, since: float) -> str | None:
    """Of several equal requests the one that nobody waits for, else the newest."""
    wanted = (
        select(requests.c.job_id)
        .join(jobs, jobs.c.id == requests.c.job_id)
        .where(requests.c.account == account, requests.c.key.is_(None), requests.c.number == call.number)
        .where(requests.c.fingerprint == call.fingerprint, requests.c.created > since)
        .where(requests.c.tries < call.tries, jobs.c.deleted.is_(None), ~is_passing)
        .order_by(requests.c.left.is_(None), requests.c.created.desc())
        .limit(1)
        .with_for_update(of=requests)
    )
    job_id = connection.execute(wanted).scalar_one_or_none()
    taken = update(requests).where(requests.c.job_id == job_id).values(tries=call.tries, left=None)
    connection.execute(taken)
    return job_id


def _note(connection: Connection, job: Job, call: Call) -> None:
    """A key's earlier job, if there is one, is over and no answer."""
    if call.key is not None:
        same = requests.c.account == job.account, requests.c.key == call.key, requests.c.number == call.number
        connection.execute(delete(requests).where(*same))
    known_by = {"key": call.key, "number": call.number, "fingerprint": call.fingerprint}
    row = {"job_id": job.id, "account": job.account, "tries": call.tries or 0, "created": job.created}
    connection.execute(insert(requests).values(**row, **known_by))
