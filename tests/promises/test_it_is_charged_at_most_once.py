"""A job is charged once if it succeeds and never otherwise, however it ends, whoever is killed, on both databases."""

import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from server.errors import CreditsShort
from server.store import accounts, ledger
from server.store.database import Database
from server.store.ledger import Purse
from server.store.tables import jobs
from server.store.tables import ledger as rows
from server.store.words import OPEN, State
from tests.promises.spending import PRICE, Till, charged_as_they_ended
from tests.server.store.conftest import database, empty, postgres_url

__all__ = ["database", "empty", "postgres_url"]

ROOT = Path(__file__).parents[2]
KILLS = 4
GRANTED = 1_000_000_000


@pytest.fixture
def till(database: Database) -> Till:
    with database.begin() as connection:
        ledger.grant(connection, "ann", GRANTED, 0.0)
        ledger.set_quota(connection, "ann", 0)
    return Till(database)


def purse(till: Till) -> Purse:
    with till.database.look() as connection:
        return ledger.purse(connection, "ann")


def assert_it_adds_up(till: Till) -> None:
    """Job by job, and in sum."""
    with till.database.look() as connection:
        charged_as_they_ended(connection)
        states = list(connection.execute(select(jobs.c.state)).scalars())
    spent, reserved = states.count(State.SUCCEEDED) * PRICE, sum(state in OPEN for state in states) * PRICE
    assert purse(till) == Purse(GRANTED, GRANTED - spent - reserved, reserved, 0)
    assert purse(till).spent == spent


def succeeds(till: Till) -> None:
    till.succeed(till.begin())


def succeeds_and_is_told_again(till: Till) -> None:
    claim = till.begin()
    assert [till.succeed(claim), till.succeed(claim), till.fail(claim)] == [True, False, False]
    till.cancel("job")
    till.lose()


def fails(till: Till) -> None:
    claim = till.begin()
    assert [till.fail(claim), till.fail(claim), till.succeed(claim)] == [True, False, False]


def is_cancelled_while_it_waits(till: Till) -> None:
    till.cancel("job")
    till.cancel("job")


def is_cancelled_while_it_is_drawn(till: Till) -> None:
    till.begin()
    till.cancel("job")
    till.give_back()
    till.give_back()


def is_cancelled_but_was_drawn_by_then(till: Till) -> None:
    claim = till.begin()
    till.cancel("job")
    till.succeed(claim)


def is_cancelled_and_its_holder_dies(till: Till) -> None:
    till.begin()
    till.cancel("job")
    till.lose()


def goes_with_its_account(till: Till) -> None:
    with till.database.begin() as connection:
        accounts.remove(connection, "ann", 4.0)


def is_given_back_and_drawn_by_another(till: Till) -> None:
    till.begin()
    till.give_back()
    till.succeed(till.begin())


def is_drawn_twice_because_a_lease_was_lost(till: Till) -> None:
    early, other = till.begin(), Till(till.database, "another")
    till.lose()
    late = other.begin()
    assert [till.succeed(early), other.succeed(late), till.succeed(early)] == [False, True, False]


def kills_three_holders(till: Till) -> None:
    for _ in range(3):
        till.begin()
        till.lose()
    assert till.claim() == []


ENDS: list[tuple[Callable[[Till], None], State]] = [
    (succeeds, State.SUCCEEDED),
    (succeeds_and_is_told_again, State.SUCCEEDED),
    (fails, State.FAILED),
    (is_cancelled_while_it_waits, State.CANCELLED),
    (is_cancelled_while_it_is_drawn, State.CANCELLED),
    (is_cancelled_but_was_drawn_by_then, State.SUCCEEDED),
    (is_cancelled_and_its_holder_dies, State.CANCELLED),
    (goes_with_its_account, State.CANCELLED),
    (is_given_back_and_drawn_by_another, State.SUCCEEDED),
    (is_drawn_twice_because_a_lease_was_lost, State.SUCCEEDED),
    (kills_three_holders, State.FAILED),
]


@pytest.mark.parametrize(("end", "state"), ENDS, ids=[end.__name__ for end, _ in ENDS])
def test_however_a_job_ends_the_ledger_adds_up(till: Till, end: Callable[[Till], None], state: State) -> None:
    till.accept("job")
    assert_it_adds_up(till)
    end(till)
    assert_it_adds_up(till)
    with till.database.look() as connection:
        assert connection.execute(select(jobs.c.state)).scalar_one() == state
        assert ledger.cost(connection, "job") == (PRICE if state == State.SUCCEEDED else 0)


def test_what_is_forgotten_stays_charged_and_in_the_figures(till: Till) -> None:
    till.accept("job")
    till.succeed(till.begin())
    before = purse(till)
    till.forget()
    with till.database.look() as connection:
        assert connection.execute(select(func.count()).select_from(jobs)).scalar_one() == 0
        (used,) = ledger.used(connection, "ann", "1970-01-01")
    assert purse(till) == before
    assert (used.day, used.model, used.requests, used.amount) == ("1970-01-01", "flat", 1, PRICE)


def test_a_second_end_is_impossible_and_not_only_unlikely(till: Till) -> None:
    till.accept("job")
    till.succeed(till.begin())
    again = {"account": "ann", "job_id": "job", "kind": ledger.RELEASE, "amount": PRICE, "day": "1970-01-01"}
    with pytest.raises(IntegrityError), till.database.begin() as connection:
        connection.execute(insert(rows), again)


def test_of_many_at_once_only_as_many_are_accepted_as_there_are_credits_for(database: Database) -> None:
    """Half of them through another door to the same database, as another process would."""
    other = Database(database.url)
    with database.begin() as connection:
        ledger.grant(connection, "ann", 3 * PRICE, 0.0)
        ledger.set_quota(connection, "ann", 2 * PRICE)
    tills = [Till(database), Till(other)]

    def accept(number: int) -> bool:
        try:
            return tills[number % 2].accept(f"job {number}")
        except CreditsShort:
            return False

    with ThreadPoolExecutor(20) as threads:
        accepted = list(threads.map(accept, range(60)))
    other.close()
    assert accepted.count(True) == 5
    assert purse(tills[0])[1:3] == (-2 * PRICE, 5 * PRICE)
    with database.look() as connection:
        assert connection.execute(select(func.count()).select_from(jobs)).scalar_one() == 5, "no row of those refused"


def test_whoever_is_killed_in_the_middle_the_ledger_adds_up(till: Till) -> None:
    url = till.database.url.render_as_string(hide_password=False)
    random = Random(1)
    for seed in range(KILLS):
        command = [sys.executable, "-m", "tests.promises.spending", url, str(seed)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as spender:
            assert spender.stdout is not None
            for _ in range(random.randrange(1, 30)):
                assert spender.stdout.readline(), "it ended by itself"
            spender.send_signal(signal.SIGKILL)
        assert_it_adds_up(till)
        Till(till.database, f"holder {seed}").lose()
        assert_it_adds_up(till)
    for claim in till.claim():
        till.succeed(claim)
    assert_it_adds_up(till)
