"""The audit log: who did what, in the transaction that does it. Rows are only ever added."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, insert, select

from server.store.tables import audit

Given = ParamSpec("Given")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks: an account by one of its keys, from an address, by a request. All None: a command of this machine."""

    account: str | None = None
    key: str | None = None
    address: str | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. at: seconds since 1970. subject: the id of what it was done to. detail: more, by name."""

    id: int
    at: float
    what: str
    account: str | None
    key: str | None
    address: str | None
    request: str | None
    subject: str | None
    detail: dict[str, Any]


# Of the request that runs, as the id in its log lines is: threads and tasks that it starts know it too.
asking: ContextVar[Who] = ContextVar("asking", default=Who())  # noqa: B039 - frozen


def note(connection: Connection, what: str, subject: str | None = None, /, **detail: Any) -> None:
    """detail: what else is to be known of it; never a prompt, unless the operator wants that, nor a secret."""
    row = asdict(asking.get()) | {"at": time.time(), "what": what, "subject": subject, "detail": detail}
    connection.execute(insert(audit), row)


def noted(
    step: Callable[Concatenate[Connection, Given], Result], what: str, subject: str | None = None, **detail: Any
) -> Callable[Concatenate[Connection, Given], Result]:
    """The step, which then also says in the log what it did, unless it gives False: then it did nothing."""

    def both(connection: Connection, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        result = step(connection, *args, **kwargs)
        if result is not False:
            note(connection, what, subject, **detail)
        return result

    return both


def page(
    connection: Connection, most: int, *, before: int | None = None, what: str | None = None, account: str | None = None
) -> list[Entry]:
    """The newest first. before: the id of the last one of the page before."""
    wanted = select(audit).order_by(audit.c.id.desc()).limit(most)
    if before is not None:
        wanted = wanted.where(audit.c.id < before)
    if what is not None:
        wanted = wanted.where(audit.c.what == what)
    if account is not None:
        wanted = wanted.where(audit.c.account == account)
    return [Entry(**row._mapping) for row in connection.execute(wanted)]
