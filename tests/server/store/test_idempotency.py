"""The rows of requests: one that comes again gets the job that it has, until it is too old or let go of."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pipelines.engine.protocol import Terms
from server.errors import IdempotencyKeyReused
from server.store import claims, idempotency, jobs
from server.store.database import Database
from server.store.words import Call, Encoding, Failure, Job, State

ROOM, DAY = 1000, 86_400.0
JOB = Job("job", "flat", Encoding(), Terms("ann"), created=100.0)
KEYED = Call("req_1", "f" * 64, key="k")
FIRST_TRY = Call("req_1", "f" * 64, tries=0)


def put(database: Database, job_id: str, call: Call, now: float = 100.0, account: str = "ann") -> str | None:
    job = replace(JOB, id=job_id, created=now, terms=Terms(account))
    with database.begin() as connection:
        return idempotency.put(connection, job, "{}", None, ROOM, call, DAY)


def let_go(database: Database, job_id: str, tries: int = 0, now: float = 110.0) -> bool:
    with database.begin() as connection:
        return idempotency.let_go(connection, job_id, tries, now)


def abandon(database: Database, now: float = 200.0) -> list[str]:
    with database.begin() as connection:
        return idempotency.abandon(connection, now - 20, now)


def end(database: Database, code: str | None = None) -> None:
    """Whatever is queued: failed by that code, or drawn."""
    with database.begin() as connection:
        for claim in claims.claim(connection, "h", ROOM, 1e9):
            if code is None:
                claims.succeed(connection, claim, 105.0, [], None, 1)
            else:
                claims.fail(connection, claim, 105.0, Failure(code, "Sorry."))


def count(database: Database) -> int:
    with database.look() as connection:
        return jobs.count(connection, "ann")


def test_a_key_has_one_job_however_many_ask_at_once(database: Database) -> None:
    with ThreadPoolExecutor(16) as threads:
        kept = set(threads.map(lambda number: put(database, f"job {number}", KEYED), range(48)))
    assert len(kept) == 1
    assert count(database) == 1


def test_a_key_is_its_account_s_own_and_each_job_of_a_request_has_its_number(database: Database) -> None:
    assert put(database, "first", KEYED) == "first"
    assert put(database, "another's", KEYED, account="bob") == "another's"
    assert put(database, "second", replace(KEYED, number=1)) == "second"
    assert [put(database, "x", replace(KEYED, number=number)) for number in (0, 1)] == ["first", "second"]


def test_a_key_that_comes_with_another_request_is_refused(database: Database) -> None:
    put(database, "first", KEYED)
    with pytest.raises(IdempotencyKeyReused):
        put(database, "second", replace(KEYED, fingerprint="e" * 64))
    assert count(database) == 1


def test_a_key_is_forgotten_after_its_time(database: Database) -> None:
    put(database, "first", KEYED)
    assert put(database, "late", KEYED, now=100 + DAY - 1) == "first"
    assert put(database, "too late", KEYED, now=100 + DAY + 1) == "too late"


def test_a_key_whose_job_is_gone_still_names_it(database: Database) -> None:
    put(database, "first", KEYED)
    end(database)
    with database.begin() as connection:
        jobs.remove_for_good(connection, "first")
    assert put(database, "second", KEYED) == "first"


@pytest.mark.parametrize(
    ("code", "is_drawn_again"),
    [("out_of_memory", True), ("worker_lost", True), ("nothing_found", False), ("job_abandoned", False), (None, False)],
)
@pytest.mark.parametrize("call", [KEYED, FIRST_TRY], ids=["key", "retry"])
def test_what_failed_for_a_reason_that_passes_is_drawn_again_and_nothing_else(
    database: Database, call: Call, code: str | None, is_drawn_again: bool
) -> None:
    put(database, "first", call)
    end(database, code)
    again = replace(call, tries=1) if call.key is None else call
    expected = "second" if is_drawn_again else "first"
    assert put(database, "second", again) == expected
    assert put(database, "third", replace(again, tries=2) if call.key is None else again) == expected


def test_equal_first_tries_are_drawn_each_and_each_retry_gets_one_of_them(database: Database) -> None:
    assert [put(database, name, FIRST_TRY, now) for name, now in (("a", 100.0), ("b", 101.0))] == ["a", "b"]
    retry = replace(FIRST_TRY, tries=1)
    assert {put(database, "x", retry), put(database, "y", retry)} == {"a", "b"}
    assert put(database, "z", retry) == "z", "a third one was never here before"


def test_a_retry_rather_gets_what_nobody_waits_for(database: Database) -> None:
    for name, now in (("a", 100.0), ("b", 101.0)):
        put(database, name, FIRST_TRY, now)
    let_go(database, "a")
    assert put(database, "x", replace(FIRST_TRY, tries=1)) == "a"


@pytest.mark.parametrize(
    "call",
    [
        replace(FIRST_TRY, tries=1, fingerprint="e" * 64),
        replace(FIRST_TRY, tries=1, number=1),
        replace(FIRST_TRY, tries=0),
        Call("req_2", "f" * 64),
    ],
    ids=["another request", "another job of it", "a first try", "a client that does not count"],
)
def test_whoever_is_no_retry_of_it_is_drawn(database: Database, call: Call) -> None:
    put(database, "first", FIRST_TRY)
    assert put(database, "second", call) == "second"


def test_a_retry_that_comes_very_late_is_drawn(database: Database) -> None:
    put(database, "first", FIRST_TRY)
    assert put(database, "x", replace(FIRST_TRY, tries=1), now=100 + idempotency.TRIED_SECONDS + 1) == "x"


def state_of(database: Database, job_id: str) -> State:
    with database.look() as connection:
        job = jobs.get(connection, job_id)
    assert job is not None
    return job.state


def test_a_job_that_was_let_go_of_is_cancelled_after_a_while_unless_its_request_comes_again(database: Database) -> None:
    put(database, "left", FIRST_TRY)
    put(database, "taken", replace(FIRST_TRY, fingerprint="e" * 64))
    assert let_go(database, "left")
    assert let_go(database, "taken")
    assert abandon(database, now=120.0) == [], "not yet"
    put(database, "x", replace(FIRST_TRY, fingerprint="e" * 64, tries=1))
    let_go(database, "taken", tries=0)  # the first try is noticed to have gone only now
    assert abandon(database) == ["left"]
    assert (state_of(database, "left"), state_of(database, "taken")) == (State.CANCELLED, State.QUEUED)
    assert put(database, "late", replace(FIRST_TRY, tries=2)) == "late"


def test_a_job_with_a_key_goes_on_when_it_is_let_go_of(database: Database) -> None:
    put(database, "job", KEYED)
    assert let_go(database, "job")
    assert abandon(database) == []


def test_a_job_of_nobody_who_may_come_again_is_not_kept_for_him(database: Database) -> None:
    put(database, "job", Call("req_1"))
    assert not let_go(database, "job")


def test_what_is_too_old_is_forgotten(database: Database) -> None:
    put(database, "keyed", KEYED)
    put(database, "tried", FIRST_TRY)
    with database.begin() as connection:
        idempotency.forget(connection, 100 + idempotency.TRIED_SECONDS + 1, DAY)
    assert (let_go(database, "keyed"), let_go(database, "tried")) == (True, False)
    with database.begin() as connection:
        idempotency.forget(connection, 100 + DAY + 1, DAY)
    assert not let_go(database, "keyed")
