"""Requests counted in windows of time, exactly, however many come at once. Each function is a step of a transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from server.store.tables import counts


@dataclass(frozen=True, slots=True)
class Window:
    """So many seconds from `start` on, a multiple of them since 1970, in which `subject` may ask `most` times."""

    subject: str
    seconds: int
    start: int
    most: int

    @property
    def end(self) -> int:
        return self.start + self.seconds


def add_one(connection: Connection, windows: Sequence[Window]) -> list[Window]:
    """Count one more request in all of them. Returns those that were full; the caller has to take the others back.

    One statement: whoever comes second waits for the row, and finds the count of whoever came first.
    """
    if not windows:
        return []
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    rows = [
        {"subject": each.subject, "seconds": each.seconds, "start": each.start, "count": 1, "most": each.most}
        for each in windows
    ]
    put = dialect.insert(counts).values(rows)
    is_new = counts.c.start < put.excluded.start  # a clock that is behind counts in the window that others began
    counted = put.on_conflict_do_update(
        index_elements=[counts.c.subject, counts.c.seconds],
        set_={
            "start": case((is_new, put.excluded.start), else_=counts.c.start),
            "count": case((is_new, 1), else_=counts.c.count + 1),
            "most": put.excluded.most,
        },
        where=or_(is_new, counts.c.count < put.excluded.most),
    )
    taken = set(connection.execute(counted.returning(counts.c.seconds)).scalars())
    return [each for each in windows if each.seconds not in taken]


def counted(connection: Connection, windows: Sequence[Window]) -> dict[int, int]:
    """How many came so far, by the length of the window."""
    if not windows:
        return {}
    these = or_(
        *(
            and_(counts.c.subject == each.subject, counts.c.seconds == each.seconds, counts.c.start >= each.start)
            for each in windows
        )
    )
    found = connection.execute(select(counts.c.seconds, counts.c.count).where(these))
    now = {seconds: count for seconds, count in found}  # noqa: C416  # rows are no pairs to a type checker
    return {each.seconds: now.get(each.seconds, 0) for each in windows}
