"""The worker's door, the same for a thread and for a process: commands from any thread, events from one, and an end."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.catalog import Catalog
from pipelines.engine.inline import InlineWorker
from pipelines.engine.process import ProcessWorker
from pipelines.engine.protocol import Cancelled, Failed, Finished, Previewed, Progressed, Started, Terms, Worker
from tests.pipelines.engine.hearing import Ears, children_of, has_its_colour, task, write_catalogue
from tests.server.serving import until

LONG = 3000  # steps: half a minute, if nobody cancels

Make = Callable[[Path, Path], Worker]


def a_thread(models_file: Path, models_folder: Path) -> Worker:
    return InlineWorker(Catalog.load(models_file, models_folder), "cpu")


def a_process(models_file: Path, models_folder: Path) -> Worker:
    return ProcessWorker(models_file, models_folder, "cpu", most_deaths=1)


@pytest.fixture(scope="module", params=[a_thread, a_process], ids=["thread", "process"])
def make(request: pytest.FixtureRequest) -> Make:
    return request.param


@pytest.fixture(scope="module")
def ears() -> Ears:
    return Ears()


@pytest.fixture(scope="module")
def worker(make: Make, ears: Ears, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """One for all tests that leave it as it was; each uses job ids of its own."""
    worker = make(*write_catalogue(tmp_path_factory.mktemp("worker")))
    ears.events.clear()
    worker.start(ears.hear)
    yield worker
    worker.stop()


def test_a_submitted_job_is_started_progresses_and_finishes(worker: Worker, ears: Ears) -> None:
    worker.submit("plain", task(steps=2, seed=5, count=3), Terms())
    ears.wait_for(Finished, "plain")
    assert [type(event) for event in ears.of("plain")] == [Started, Progressed, Progressed, Finished]
    (finished,) = ears.ends("plain")
    assert isinstance(finished, Finished)
    assert [picture.seed for picture in finished.pictures] == [5, 6, 7]
    assert all(has_its_colour(picture) for picture in finished.pictures)


def test_a_model_that_cannot_be_loaded_is_told_by_name_and_what_is_drawn_goes_on(worker: Worker, ears: Ears) -> None:
    worker.wish("nothing", loaded=True)
    worker.wish("fake", loaded=False)
    worker.submit("beside a wish", task(), Terms())
    ears.wait_for(Finished, "beside a wish")
    until(lambda: bool(worker.health().not_loaded))
    ((name, code, sentence),) = worker.health().not_loaded
    assert (name, code, worker.health().loading) == ("nothing", "model_unknown", ())
    assert sentence


def test_previews_are_told_to_who_asked_for_them(worker: Worker, ears: Ears) -> None:
    worker.submit("curious", task(), Terms(previews=True))
    worker.submit("patient", task(), Terms())
    ears.wait_for_end("curious", "patient")
    previewed = {event.job_id for event in ears.events if isinstance(event, Previewed)}
    assert {"curious", "patient"} & previewed == {"curious"}


def test_a_running_job_is_cancelled_between_ticks(worker: Worker, ears: Ears) -> None:
    worker.submit("running", task(steps=LONG), Terms())
    ears.wait_for(Progressed, "running")
    worker.cancel("running")
    ears.wait_for(Cancelled, "running")
    worker.submit("next", task(), Terms())
    ears.wait_for(Finished, "next")
    assert [type(event) for event in ears.of("running")][-2:] == [Progressed, Cancelled]


def test_cancelling_what_is_unknown_or_over_does_nothing(worker: Worker, ears: Ears) -> None:
    worker.submit("over", task(), Terms())
    ears.wait_for(Finished, "over")
    worker.cancel("over")
    worker.cancel("unknown")
    worker.submit("after", task(), Terms())
    ears.wait_for(Finished, "after")
    assert len(ears.ends("over")) == 1
    assert ears.of("unknown") == []


@pytest.mark.parametrize(
    ("job_id", "guilty", "terms", "code"),
    [
        pytest.param("nobody's", task(model="nobody"), Terms(), "model_unknown", id="unknown model"),
        pytest.param("huge", task("!oom"), Terms(), "out_of_memory", id="out of memory"),
        pytest.param("late", task(), Terms(deadline=0.0), "deadline_passed", id="deadline"),
    ],
)
def test_a_job_that_fails_does_so_by_name_and_alone(
    worker: Worker, ears: Ears, job_id: str, guilty: object, terms: Terms, code: str
) -> None:
    neighbours = [f"{job_id} neighbour {number}" for number in range(3)]
    for neighbour in neighbours[:2]:
        worker.submit(neighbour, task(), Terms())
    worker.submit(job_id, guilty, terms)  # type: ignore[arg-type]
    worker.submit(neighbours[2], task(), Terms())
    ears.wait_for_end(job_id, *neighbours)
    (failed,) = ears.ends(job_id)
    assert isinstance(failed, Failed)
    assert failed.code == code
    assert all(isinstance(ears.of(neighbour)[-1], Finished) for neighbour in neighbours)


def test_health_says_ready_and_who_is_drawn(worker: Worker, ears: Ears) -> None:
    worker.submit("seen", task(steps=LONG), Terms())
    ears.wait_for(Progressed, "seen")
    health = worker.health()
    assert (health.ready, health.state, health.device) == (True, "ready", "cpu")
    assert (health.running, health.waiting) == (1, 0)
    worker.cancel("seen")
    ears.wait_for(Cancelled, "seen")


def test_health_counts_what_was_drawn(worker: Worker, ears: Ears) -> None:
    before = worker.health().counters
    worker.submit("counted", task(steps=2, count=3), Terms())
    ears.wait_for(Finished, "counted")
    after = worker.health().counters
    assert after.steps - before.steps >= 6  # more where a job of another test was at its end
    assert after.rows - before.rows >= after.ticks - before.ticks > 0
    assert after.tick_seconds > before.tick_seconds
    worker.submit("too large", task("!oom"), Terms())
    ears.wait_for(Failed, "too large")
    assert worker.health().counters.out_of_memory == after.out_of_memory + 1


def test_stopping_cancels_what_is_left_and_ends_all_that_was_started(make: Make, tmp_path: Path) -> None:
    worker, ears = make(*write_catalogue(tmp_path)), Ears()
    threads, children = set(threading.enumerate()), set(children_of(os.getpid()))
    worker.start(ears.hear)
    worker.submit("running", task(steps=LONG), Terms())
    worker.submit("behind it", task(steps=LONG), Terms())
    ears.wait_for(Progressed, "running")
    worker.stop()
    assert {job_id: [type(end) for end in ears.ends(job_id)] for job_id in ("running", "behind it")} == {
        "running": [Cancelled],
        "behind it": [Cancelled],
    }
    assert (worker.health().ready, worker.health().state) == (False, "stopped")
    assert set(threading.enumerate()) <= threads
    assert set(children_of(os.getpid())) <= children


def test_a_worker_that_cannot_start_says_so_and_fails_its_jobs(make: Make, tmp_path: Path) -> None:
    worker, ears = make(*write_catalogue(tmp_path, installed=False)), Ears()
    worker.start(ears.hear)
    worker.submit("early", task(), Terms())
    ears.wait_for_end("early")
    worker.submit("late", task(), Terms())
    ears.wait_for_end("late")
    health = worker.health()
    worker.stop()
    assert [event.code for event in ears.events if isinstance(event, Failed)] == ["worker_lost", "worker_lost"]
    assert (health.ready, health.state) == (False, "failed")


def test_a_worker_that_was_never_started_can_be_stopped(make: Make, tmp_path: Path) -> None:
    make(*write_catalogue(tmp_path)).stop()
