"""The rows of the outbox: written with every end of a job or not at all, held by one, due again when that one dies."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from server.store import claims, jobs, outbox, webhooks
from server.store import connectors as places
from server.store.connectors import Connector
from server.store.database import Database
from server.store.outbox import Attempt, Message
from server.store.tables import deliveries
from server.store.tables import webhooks as table
from server.store.webhooks import Webhook
from tests.server.store.test_job_rows import Queue

HOOK = Webhook("hook", "ann", "https://example.org:8443/hook", None, ("job.succeeded",), "darkroom", 1.0)
PLACE = Connector("place", "ann", "folder", {}, "", "", "{id}", auto_upload=True, created=1.0)


@pytest.fixture
def queue(database: Database) -> Queue:
    """With a webhook of ann's, and one of bob's."""
    with database.begin() as connection:
        webhooks.add(connection, HOOK)
        webhooks.add(connection, Webhook("other", "bob", "https://example.com/", None, (), "darkroom", 1.0))
    return Queue(database)


def take(queue: Queue, holder: str = "h", now: float = 100, most: int = 100, each: int = 100) -> list[Message]:
    with queue.database.begin() as connection:
        return outbox.claim(connection, holder, now, now + 30, most, {}, each)


def settle(queue: Queue, message: Message, holder: str, state: str, next_try: float | None = None) -> None:
    with queue.database.begin() as connection:
        outbox.settle(connection, message, holder, Attempt(100.0, 200, None), state, next_try)


def fail(queue: Queue) -> None:
    (claim,) = queue.claim()
    queue.fail(claim)


def succeed(queue: Queue) -> None:
    (claim,) = queue.claim()
    queue.succeed(claim)


def stop(queue: Queue) -> None:
    """Cancelled while somebody draws it, who then gives it back."""
    (claim,) = queue.claim()
    queue.start(claim)
    queue.cancel("job")
    queue.give_back()


def be_abandoned(queue: Queue) -> None:
    for _ in range(claims.DEATHS_TO_FAIL):
        queue.die()


@pytest.mark.parametrize(
    ("end", "event"),
    [
        pytest.param(succeed, "job.succeeded", id="succeeded"),
        pytest.param(fail, "job.failed", id="failed"),
        pytest.param(lambda queue: queue.cancel("job"), "job.cancelled", id="cancelled while it waits"),
        pytest.param(stop, "job.cancelled", id="cancelled while it is drawn"),
        pytest.param(be_abandoned, "job.failed", id="given up with its servers"),
    ],
)
def test_every_end_of_a_job_is_written_down_once(queue: Queue, end: Callable[[Queue], Any], event: str) -> None:
    queue.put("job", account="ann")
    assert take(queue) == []
    end(queue)
    queue.cancel("job")
    (message,) = take(queue)
    assert (message.event, message.target, message.lane) == (event, "hook", "example.org:8443")
    assert message.data["id"] == "job"


def test_an_end_that_is_fenced_off_tells_nobody(queue: Queue) -> None:
    queue.put("job", account="ann")
    (lost,) = queue.claim("lost")
    queue.recover("lost")
    assert not queue.succeed(lost)
    assert take(queue) == []


def test_a_place_gets_the_pictures_of_jobs_that_succeeded(queue: Queue) -> None:
    with queue.database.begin() as connection:
        places.add(connection, PLACE, 1)
    for job, end in (("one", fail), ("two", succeed)):
        queue.put(job, account="ann")
        end(queue)
    uploads = [message for message in take(queue) if message.kind == "upload"]
    assert [(message.target, message.data["id"], len(message.data["images"])) for message in uploads] == [
        ("place", "two", 1)
    ]


def test_of_many_who_look_at_once_one_takes_a_message(queue: Queue) -> None:
    for number in range(20):
        queue.put(f"job {number}", account="ann")
        succeed(queue)
    with ThreadPoolExecutor(5) as threads:
        taken = list(threads.map(lambda holder: take(queue, holder, most=4), "abcde"))
    ids = [message.id for messages in taken for message in messages]
    assert len(ids) == len(set(ids)) == 20


def test_one_place_is_given_a_few_at_a_time(queue: Queue) -> None:
    for number in range(5):
        queue.put(f"job {number}", account="ann")
        succeed(queue)
    assert len(take(queue, each=2)) == 2


@pytest.mark.parametrize("how", ["lease", "death"])
def test_what_a_lost_holder_was_sending_is_due_again_and_it_can_settle_nothing(queue: Queue, how: str) -> None:
    queue.put("job", account="ann")
    succeed(queue)
    (message,) = take(queue, "lost")
    assert take(queue, "next", now=101) == []
    if how == "death":
        queue.recover("lost", now=102)
    (again,) = take(queue, "next", now=103 if how == "death" else 131)
    assert again == message
    settle(queue, message, "lost", outbox.FAILED)
    settle(queue, again, "next", outbox.DELIVERED)
    with queue.database.look() as connection:
        (logged,) = outbox.page(connection, "hook", 10)
    assert (logged.state, len(logged.attempts)) == ("delivered", 1)


def test_what_is_over_is_purged_with_its_log_and_the_webhook_of_its_job(queue: Queue) -> None:
    queue.put("job", account="cid")
    with queue.database.begin() as connection:
        webhooks.add(connection, Webhook("own", "cid", "http://example.org/", None, (), "darkroom", 1.0), "job")
    succeed(queue)
    (message,) = take(queue)
    settle(queue, message, "h", outbox.WAITING, 200.0)
    with queue.database.begin() as connection:
        jobs.forget(connection, 50.0, 60.0)
        jobs.purge(connection, 70.0)
        outbox.purge(connection, 1e9)
    (message,) = take(queue, now=201)
    settle(queue, message, "h", outbox.DELIVERED)
    with queue.database.begin() as connection:
        outbox.purge(connection, 1e9)
        assert connection.execute(select(deliveries)).all() == []
        assert set(connection.execute(select(table.c.id)).scalars()) == {"hook", "other"}
