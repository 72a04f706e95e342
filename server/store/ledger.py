"""Credits as sums of rows that are added and never changed. Each function is a step of a transaction.

A job reserves its price when it is accepted. When it succeeds the reservation is settled, which is all that it costs;
however else it ends, it is released. Amounts are thousandths of a credit.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Integer, case, delete, func, insert, literal, select

from server.errors import CreditsShort
from server.store.tables import jobs, ledger, quotas
from server.store.words import OPEN, Job

RESERVE, SETTLE, RELEASE, GRANT = "reserve", "settle", "release", "grant"
ENDS = (SETTLE, RELEASE)

_total = select(func.coalesce(func.sum(ledger.c.amount), 0))


class Purse(NamedTuple):
    """balance: what was granted, less what was spent and what is reserved. quota: None where anything may be spent."""

    granted: int
    balance: int
    reserved: int
    quota: int | None

    @property
    def spent(self) -> int:
        return self.granted - self.balance - self.reserved

    @property
    def left(self) -> int | None:
        """What may still be spent; None is anything."""
        return None if self.quota is None else self.balance + self.quota


class Used(NamedTuple):
    """What the jobs of one model that were accepted on one day came to. pictures: drawn so far."""

    day: str
    model: str | None
    requests: int
    pictures: int
    amount: int


def day_of(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now))


def reserve(connection: Connection, job: Job, price: int) -> None:
    """Call where jobs.put has made others wait. Raises CreditsShort."""
    check(connection, job.account, price)
    row = {"account": job.account, "job_id": job.id, "kind": RESERVE, "amount": -price, "model": job.model}
    connection.execute(insert(ledger), row | {"day": day_of(job.created)})


def check(connection: Connection, account: str, price: int) -> None:
    """Raises CreditsShort where a quota does not allow it, as things are now."""
    credits_left = left(connection, account)
    if credits_left is not None and credits_left < price:
        raise CreditsShort


def settle(connection: Connection, job_id: str, pictures: int) -> None:
    """What was reserved is spent."""
    _end(connection, [job_id], SETTLE, returned=0, pictures=pictures)


def release(connection: Connection, job_ids: Sequence[str]) -> None:
    """What was reserved is given back; nothing, for a job that has ended before."""
    _end(connection, job_ids, RELEASE, returned=-1, pictures=0)


def grant(connection: Connection, account: str, amount: int, now: float) -> None:
    """A negative amount takes credits back."""
    row = {"account": account, "kind": GRANT, "amount": amount, "day": day_of(now)}
    connection.execute(insert(ledger), row)


def set_quota(connection: Connection, account: str, amount: int | None) -> None:
    """None: the account may spend anything."""
    connection.execute(delete(quotas).where(quotas.c.account == account))
    if amount is not None:
        connection.execute(insert(quotas), {"account": account, "amount": amount})


def quota_of(connection: Connection, account: str) -> int | None:
    return connection.execute(select(quotas.c.amount).where(quotas.c.account == account)).scalar_one_or_none()


def left(connection: Connection, account: str) -> int | None:
    """What an account may still spend; None is anything."""
    quota = quota_of(connection, account)
    return None if quota is None else quota + _sum(connection, account)


def cost(connection: Connection, job_id: str) -> int:
    """Of a job so far: what it reserved, less what was given back."""
    return -int(connection.execute(_total.where(ledger.c.job_id == job_id)).scalar_one())


def purse(connection: Connection, account: str) -> Purse:
    open_jobs = select(jobs.c.id).where(jobs.c.account == account, jobs.c.state.in_(OPEN))
    is_reserved = ledger.c.kind == RESERVE, ledger.c.job_id.in_(open_jobs)
    reserved = connection.execute(_total.where(*is_reserved)).scalar_one()
    quota = quota_of(connection, account)
    return Purse(_sum(connection, account, GRANT), _sum(connection, account), -int(reserved), quota)


def used(connection: Connection, account: str, since: str) -> list[Used]:
    """By day and model, the newest day first, from a day on."""
    requests = func.sum(case((ledger.c.kind == RESERVE, 1), else_=0))
    columns = ledger.c.day, ledger.c.model, requests, func.sum(ledger.c.pictures), -func.sum(ledger.c.amount)
    of_jobs = ledger.c.account == account, ledger.c.day >= since, ledger.c.job_id.is_not(None)
    grouped = select(*columns).where(*of_jobs).group_by(ledger.c.day, ledger.c.model)
    rows = connection.execute(grouped.order_by(ledger.c.day.desc(), ledger.c.model)).all()
    return [Used(day, model, *map(int, figures)) for day, model, *figures in rows]


def _sum(connection: Connection, account: str, kind: str | None = None) -> int:
    wanted = _total.where(ledger.c.account == account)
    if kind is not None:
        wanted = wanted.where(ledger.c.kind == kind)
    return int(connection.execute(wanted).scalar_one())


def _end(connection: Connection, job_ids: Sequence[str], kind: str, *, returned: int, pictures: int) -> None:
    """One row for each of the jobs that reserved something and has not ended; jobs of before the ledger did not."""
    if not job_ids:
        return
    ended = select(ledger.c.job_id).where(ledger.c.job_id.in_(job_ids), ledger.c.kind.in_(ENDS))
    names = "account", "job_id", "model", "day"
    reserved = select(
        *(ledger.c[name] for name in names),
        literal(kind),
        ledger.c.amount * returned,
        literal(pictures, Integer),
    ).where(ledger.c.job_id.in_(job_ids), ledger.c.kind == RESERVE, ledger.c.job_id.not_in(ended))
    connection.execute(insert(ledger).from_select([*names, "kind", "amount", "pictures"], reserved))
