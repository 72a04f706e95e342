"""Run by test_it_is_charged_at_most_once.py, and killed: jobs that are accepted and end in every way, without a pause.

The arguments are the database's address and a seed. The steps that the test counts by are here too.
"""

import sys
from dataclasses import replace
from itertools import count
from random import Random

from sqlalchemy import Connection, case, func, select

from pipelines.engine.protocol import Terms
from server.store import accepting, claims
from server.store import jobs as job_rows
from server.store.accepting import Toll
from server.store.database import Database
from server.store.ledger import RESERVE
from server.store.tables import jobs, ledger
from server.store.words import OPEN, Call, Claim, Encoding, Failure, Job, State

PRICE = 2_500
ROOM = 1_000_000
JOB = Job("job", "flat", Encoding(), Terms("ann"), created=1.0)
SORRY = Failure("drawing_failed", "Sorry.")


def charged_as_they_ended(connection: Connection) -> None:
    """Each job's entries come to its price if it succeeded, to nothing if it ended otherwise, and none ended twice."""
    price = -func.min(case((ledger.c.kind == RESERVE, ledger.c.amount)))
    by_job = (
        select(jobs.c.state, price, func.sum(ledger.c.amount), func.count(ledger.c.id))
        .outerjoin(ledger, ledger.c.job_id == jobs.c.id)
        .group_by(jobs.c.id, jobs.c.state)
    )
    for state, reserved, amount, entries in connection.execute(by_job):
        assert reserved is not None, "every job has reserved something"
        is_charged = state in (*OPEN, State.SUCCEEDED)
        assert (int(amount), entries) == (-reserved if is_charged else 0, 1 if state in OPEN else 2), state


class Till:
    """The store's steps for jobs that cost something, each in a transaction of its own."""

    def __init__(self, database: Database, holder: str = "h") -> None:
        self.database = database
        self.holder = holder

    def accept(self, job_id: str, price: int = PRICE) -> bool:
        with self.database.begin() as connection:
            job, known = replace(JOB, id=job_id), (Call(), 9.0)
            return accepting.accept(connection, job, "{}", None, ROOM, *known, Toll(price)) == job_id

    def claim(self) -> list[Claim]:
        with self.database.begin() as connection:
            return claims.claim(connection, self.holder, ROOM, 30.0)

    def begin(self) -> Claim:
        """The one job that waits, begun."""
        (claim,) = self.claim()
        with self.database.begin() as connection:
            assert claims.start(connection, claim, 2.0)
        return claim

    def succeed(self, claim: Claim) -> bool:
        with self.database.begin() as connection:
            return claims.succeed(connection, claim, 3.0, [], None, 20)

    def fail(self, claim: Claim) -> bool:
        with self.database.begin() as connection:
            return claims.fail(connection, claim, 3.0, SORRY)

    def cancel(self, job_id: str) -> None:
        with self.database.begin() as connection:
            job_rows.cancel(connection, job_id, 4.0)

    def give_back(self) -> None:
        with self.database.begin() as connection:
            claims.give_back(connection, self.holder, 3.0)

    def lose(self) -> None:
        """The holder dies, and somebody notices."""
        with self.database.begin() as connection:
            claims.recover(connection, [self.holder], 10.0)

    def forget(self) -> None:
        """All that is over is gone for good."""

        def everything(connection: Connection) -> None:
            job_rows.forget(connection, 50.0, 60.0)
            job_rows.purge(connection, 70.0)

        with self.database.begin() as connection:
            everything(connection)


def spend(till: Till, random: Random) -> None:
    for number in count():
        job_id = f"{till.holder} {number}"
        till.accept(job_id)
        if random.random() < 0.2:
            till.cancel(job_id)
        for claim in till.claim():
            if random.random() < 0.2:
                till.cancel(claim.job_id)
            random.choice((till.succeed, till.succeed, till.fail, lambda claim: till.give_back()))(claim)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    spend(Till(Database(sys.argv[1]), f"holder {sys.argv[2]}"), Random(int(sys.argv[2])))
