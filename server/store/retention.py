"""What becomes of jobs whose time is over. A step of a transaction (server/store/database.py)."""

from sqlalchemy import Connection

from server.store import idempotency, jobs


def drop_jobs(
    connection: Connection, now: float, seen_seconds: float, purge_seconds: float, kept_seconds: float
) -> tuple[int, int]:
    """How many jobs nobody sees any more, seen_seconds after their end, and how many rows are gone, purge_seconds after
    that. kept_seconds: how long an Idempotency-Key is known.
    """
    hidden = jobs.forget(connection, now - seen_seconds, now)
    gone = jobs.purge(connection, now - purge_seconds)
    idempotency.forget(connection, now, kept_seconds)
    return hidden, gone
