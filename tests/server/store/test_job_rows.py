"""The rows of jobs as a queue: one holder each, leases that end, fences that hold, an end for what kills holders."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from pipelines.engine.protocol import Terms
from pipelines.tasks import Colour, Description
from server.store import accounts, claims, images, jobs
from server.store.database import Database
from server.store.owners import Account
from server.store.words import Claim, Encoding, Failure, Image, Job, Origin, State, Wanted

ROOM = 1000
JOB = Job(
    "job",
    "flat",
    Encoding("webp", 80, metadata=False),
    Terms("ann", 0, 9e9, previews=True),
    created=1.0,
    kind="text_to_image",
    request="req_1",
)
IMAGE = Image("image", "ann", Encoding(), 8, 8, (8, 8), 2**63 - 1, "flat", "0" * 64, created=3.0, expires=9e9)
FACTS = Description((Colour("#ff0000", 0.75),), "00ff", 12.5, ())
SORRY = Failure("drawing_failed", "Sorry.")


class Queue:
    """The store's steps, each in a transaction of its own, at a time that the test says."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def put(self, job_id: str, most: int = ROOM, pixels: str | None = None, **terms: Any) -> bool:
        job = replace(JOB, id=job_id, created=float(terms.pop("created", 1)), terms=replace(JOB.terms, **terms))
        with self.database.begin() as connection:
            return jobs.put(connection, job, "{}", pixels, most)

    def claim(self, holder: str = "h", most: int = ROOM, lease_until: float = 30) -> list[Claim]:
        with self.database.begin() as connection:
            return claims.claim(connection, holder, most, lease_until)

    def names(self, holder: str = "h", most: int = ROOM) -> list[str]:
        return [claim.job_id for claim in self.claim(holder, most)]

    def start(self, claim: Claim) -> bool:
        with self.database.begin() as connection:
            return claims.start(connection, claim, 2.0)

    def succeed(self, claim: Claim) -> bool:
        with self.database.begin() as connection:
            return claims.succeed(connection, claim, 3.0, [replace(IMAGE, id=f"image of {claim}")], FACTS, 20)

    def fail(self, claim: Claim) -> bool:
        with self.database.begin() as connection:
            return claims.fail(connection, claim, 3.0, SORRY)

    def give_back(self, holder: str = "h", job_id: str | None = None) -> list[str]:
        with self.database.begin() as connection:
            return claims.give_back(connection, holder, 3.0, job_id)

    def recover(self, *dead: str, now: float = 10) -> list[str]:
        with self.database.begin() as connection:
            return claims.recover(connection, dead, now)

    def cancel(self, job_id: str) -> None:
        with self.database.begin() as connection:
            jobs.cancel(connection, job_id, 4.0)

    def get(self, job_id: str) -> Job:
        with self.database.look() as connection:
            job = jobs.get(connection, job_id)
        assert job is not None
        return job

    def die(self, holder: str = "h") -> list[str]:
        """Claim what there is, begin to draw it, and be lost."""
        names = [claim.job_id for claim in self.claim(holder) if self.start(claim)]
        self.recover(holder)
        return names


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database)


def test_a_job_comes_back_as_it_was_put(queue: Queue) -> None:
    queue.put("job", created=1.5, deadline=123456.789)
    terms = replace(JOB.terms, deadline=123456.789)
    assert queue.get("job") == replace(JOB, created=1.5, terms=terms, place=1)


def test_a_finished_job_has_its_images_and_facts(queue: Queue) -> None:
    queue.put("job", pixels="0" * 64)
    (claim,) = queue.claim()
    assert queue.get("job").state is State.QUEUED, "claimed is not begun"
    assert queue.start(claim)
    assert (queue.get("job").state, queue.get("job").started) == (State.RUNNING, 2.0)
    assert queue.succeed(claim)
    job = queue.get("job")
    assert (job.state, job.ended, job.facts, job.step, job.steps) == (State.SUCCEEDED, 3.0, FACTS, 20, 20)
    assert job.images == (replace(IMAGE, id=f"image of {claim}"),)
    with queue.database.look() as connection:
        assert jobs.task_of(connection, "job") == ("{}", None), "what nobody has to draw any more is not kept"


def test_of_many_at_once_only_as_many_are_put_as_there_is_room_for(queue: Queue) -> None:
    with ThreadPoolExecutor(8) as threads:
        kept = list(threads.map(lambda number: queue.put(f"job {number}", most=10), range(40)))
    assert kept.count(True) == 10


def test_of_many_holders_each_job_has_one(queue: Queue) -> None:
    for number in range(30):
        queue.put(f"job {number}")
    with ThreadPoolExecutor(6) as threads:
        taken = threads.map(lambda number: queue.names(f"holder {number}", most=3), range(20))
    counted = Counter(name for names in taken for name in names)
    assert (len(counted), set(counted.values())) == (30, {1})


def test_the_highest_priority_goes_first_then_the_oldest(queue: Queue) -> None:
    queue.put("new", created=3)
    queue.put("old", created=2)
    queue.put("urgent", created=4, priority=5)
    assert queue.names() == ["urgent", "old", "new"]


def test_a_holder_has_at_most_as_many_as_it_asks_for(queue: Queue) -> None:
    for number in range(5):
        queue.put(f"job {number}")
    assert [len(queue.claim(most=2)), len(queue.claim(most=2)), len(queue.claim(most=3))] == [2, 0, 1]


def test_a_lease_that_is_renewed_keeps_its_job_and_one_that_is_not_loses_it(queue: Queue) -> None:
    queue.put("kept")
    queue.put("lost")
    queue.claim(lease_until=30)
    with queue.database.begin() as connection:
        assert claims.renew(connection, "h", ["kept", "another's"], 60) == {"kept"}
    queue.recover(now=31)
    assert queue.names("other") == ["lost"]


@pytest.mark.parametrize("write", ["start", "succeed", "fail"])
def test_a_holder_that_lost_its_lease_changes_nothing(queue: Queue, write: str) -> None:
    queue.put("job")
    (late,) = queue.claim()
    queue.recover("h")
    assert getattr(queue, write)(late) is False, "before anybody else has it"
    (claim,) = queue.claim("other")
    before = queue.get("job")
    assert getattr(queue, write)(late) is False
    assert queue.get("job") == before
    assert queue.succeed(claim)
    assert getattr(queue, write)(late) is False
    assert len(queue.get("job").images) == 1


def test_the_same_holder_s_earlier_attempt_is_fenced_too(queue: Queue) -> None:
    queue.put("job")
    (early,) = queue.claim()
    queue.give_back()
    (claim,) = queue.claim()
    assert not queue.succeed(early)
    assert queue.succeed(claim)


def test_an_orderly_stop_gives_back_without_counting_and_however_often(queue: Queue) -> None:
    queue.put("job")
    for _ in range(10):
        (claim,) = queue.claim()
        queue.start(claim)
        queue.give_back()
        assert (queue.get("job").state, queue.get("job").started) == (State.QUEUED, None)


def test_a_job_that_kills_each_holder_fails_by_name_and_takes_nobody_along(queue: Queue) -> None:
    """It dies with company at first; from the second death on each suspect is drawn alone."""
    for name in ("before", "poison", "after"):
        queue.put(name)
    assert len(queue.die()) == 3
    assert len(queue.die()) == 3
    while (claimed := queue.claim()) and claimed[0].job_id != "poison":
        assert len(claimed) == 1
        queue.start(claimed[0])
        assert queue.succeed(claimed[0])
    assert len(claimed) == 1
    queue.start(claimed[0])
    assert queue.recover("h") == ["poison"]
    while claimed := queue.claim():
        assert queue.succeed(claimed[0])
    states = {name: queue.get(name).state for name in ("before", "poison", "after")}
    assert states == {"before": State.SUCCEEDED, "poison": State.FAILED, "after": State.SUCCEEDED}
    failure = queue.get("poison").failure
    assert failure is not None
    assert failure.code == "job_abandoned"


def test_a_job_that_only_waited_is_no_suspect(queue: Queue) -> None:
    queue.put("drawn", created=1)
    queue.put("waiting", created=2)
    for _ in range(2):
        queue.start(queue.claim()[0])
        queue.recover("h")
    queue.start(queue.claim()[0])
    assert queue.recover("h") == ["drawn"]
    assert queue.names() == ["waiting"]


def test_a_job_that_kills_before_it_starts_fails_too(queue: Queue) -> None:
    queue.put("poison")
    failed = []
    while queue.claim():
        failed += queue.recover("h")
    assert failed == ["poison"]


def test_nothing_joins_a_suspect_that_is_drawn_alone(queue: Queue) -> None:
    queue.put("suspect")
    queue.die()
    queue.die()
    queue.put("new", created=2)
    assert queue.names() == ["suspect"]
    assert queue.names() == []
    assert queue.names("other") == ["new"], "another process may draw it"


def test_what_nobody_claimed_is_cancelled_at_once(queue: Queue) -> None:
    queue.put("job")
    for _ in range(2):
        queue.cancel("job")
        assert (queue.get("job").state, queue.get("job").ended) == (State.CANCELLED, 4.0)
    assert queue.claim() == []


def test_a_holder_sees_who_is_cancelled_and_the_others_are_queued_again(queue: Queue) -> None:
    queue.put("unwanted")
    queue.put("wanted")
    queue.claim()
    queue.cancel("unwanted")
    assert queue.get("unwanted").state is State.QUEUED
    with queue.database.look() as connection:
        assert claims.unwanted(connection, "h") == ["unwanted"]
    assert queue.give_back(job_id="wanted") == []
    assert queue.give_back() == ["unwanted"]
    assert queue.get("unwanted").state is State.CANCELLED
    assert queue.names() == ["wanted"]


def test_who_was_cancelled_and_lost_is_cancelled(queue: Queue) -> None:
    queue.put("job")
    queue.claim()
    queue.cancel("job")
    queue.recover("h")
    assert queue.get("job").state is State.CANCELLED


def test_what_is_drawn_for_an_account_that_is_deleted_meanwhile_is_not_kept(queue: Queue) -> None:
    queue.put("job")
    (claim,) = queue.claim()
    queue.start(claim)
    with queue.database.begin() as connection:
        accounts.put(connection, Account("ann", "Ann", 1.0))
        accounts.remove(connection, "ann", 2.0)
    assert not queue.succeed(claim)
    queue.recover("h")
    with queue.database.look() as connection:
        assert images.all_blobs(connection) == set(), "an image of nobody could never be deleted"
        [job] = jobs.page(connection, "ann", 9, Wanted(with_deleted=True))
    assert job.state is State.CANCELLED


def test_a_job_that_has_ended_stays_as_it_is(queue: Queue) -> None:
    queue.put("job")
    (claim,) = queue.claim()
    queue.fail(claim)
    before = queue.get("job")
    queue.cancel("job")
    queue.give_back()
    queue.recover("h")
    assert queue.get("job") == before
    assert (before.state, before.failure) == (State.FAILED, SORRY)


def test_pages_hold_every_job_of_the_account_once_the_newest_first(queue: Queue) -> None:
    for number in range(7):
        queue.put(f"job {number}", created=number // 2, account="ann")
    queue.put("another's", account="bob")
    seen: list[str] = []
    after = None
    with queue.database.look() as connection:
        while page := jobs.page(connection, "ann", 3, after=after):
            seen += [job.id for job in page]
            after = page[-1].created, page[-1].id
    assert seen == [f"job {number}" for number in reversed(range(7))]


def test_a_page_can_be_of_one_state(queue: Queue) -> None:
    queue.put("drawn", created=1)
    queue.put("waiting", created=2)
    queue.succeed(queue.claim(most=1)[0])
    with queue.database.look() as connection:
        assert [job.id for job in jobs.page(connection, "ann", 9, Wanted((State.SUCCEEDED,)))] == ["drawn"]
        assert [job.id for job in jobs.page(connection, "ann", 9, Wanted((State.QUEUED,)))] == ["waiting"]
        assert [(state, count) for (state, _), count in jobs.open_by_model(connection).items()] == [(State.QUEUED, 1)]


def test_a_job_remembers_by_which_api_it_came_and_what_that_said(queue: Queue) -> None:
    said = {"originalPrompt": "a star, \u661f", "meta": {"tags": [1, None]}}
    with queue.database.begin() as connection:
        for name, origin in (("theirs", Origin("generations_v1", said)), ("ours", Origin())):
            jobs.put(connection, replace(JOB, id=name, origin=origin), "{}", None, ROOM)
    with queue.database.look() as connection:
        (job,) = jobs.page(connection, "ann", 9, Wanted(api="generations_v1"))
        assert (job.id, job.origin.said) == ("theirs", said)
        assert len(jobs.page(connection, "ann", 9)) == 2


def test_pages_by_number_hold_every_job_once_and_the_count_is_of_all(queue: Queue) -> None:
    for number in range(7):
        queue.put(f"job {number}", created=number, account="ann")
    queue.put("another's", account="bob")
    with queue.database.look() as connection:
        pages = [jobs.page(connection, "ann", 3, offset=offset) for offset in (0, 3, 6, 9)]
        assert [len(page) for page in pages] == [3, 3, 1, 0]
        assert len({job.id for page in pages for job in page}) == jobs.count(connection, "ann") == 7
        assert jobs.count(connection, "ann", Wanted((State.RUNNING,))) == 0
        assert jobs.count(connection, "ann", Wanted(kind="text_to_image", created_after=2)) == 4


def test_places_go_by_priority_then_age_and_count_everybody(queue: Queue) -> None:
    for number, priority in enumerate([0, 0, 5]):
        queue.put(f"job {number}", created=number, priority=priority)
    queue.put("another's", created=0.5, account="bob")
    assert [queue.get(f"job {number}").place for number in range(3)] == [2, 4, 1]


def test_what_is_over_is_unseen_then_gone_and_what_is_open_stays(queue: Queue) -> None:
    queue.put("over", created=1)
    queue.put("open", created=2)
    queue.succeed(queue.claim(most=1)[0])

    def listed(**asked: bool) -> list[str]:
        with queue.database.look() as connection:
            return [job.id for job in jobs.page(connection, "ann", 9, Wanted(**asked))]

    with queue.database.begin() as connection:
        jobs.forget(connection, before=50, now=60)
        jobs.purge(connection, before=60)
        assert jobs.get(connection, "over") is None
    assert (listed(), listed(with_deleted=True)) == (["open"], ["open", "over"])
    with queue.database.begin() as connection:
        jobs.purge(connection, before=61)
    assert listed(with_deleted=True) == ["open"]
