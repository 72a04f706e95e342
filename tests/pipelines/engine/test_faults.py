"""The drawing process may run out of memory, be poisoned, hang, crash, be killed: no innocent job is lost by it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.engine.process import ProcessWorker
from pipelines.engine.protocol import Cancelled, Event, Failed, Finished, Progressed, Started, Terms
from tests.pipelines.engine.hearing import (
    PATIENCE_SECONDS,
    Ears,
    children_of,
    has_its_colour,
    is_alive,
    task,
    write_catalogue,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the worker's child")

SILENCE_SECONDS = 3.0  # a busy machine may keep a healthy child from its beat for a second or two
PARENT = """
import sys, time
from pathlib import Path
from pipelines.engine.process import ProcessWorker
ProcessWorker(Path(sys.argv[1]), Path(sys.argv[2]), "cpu").start(print)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def ears() -> Ears:
    return Ears()


@pytest.fixture(scope="module")
def worker(ears: Ears, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessWorker]:
    """One for all faults: it survives them, one after the other."""
    files = write_catalogue(tmp_path_factory.mktemp("faults"))
    worker = ProcessWorker(*files, "cpu", silence_seconds=SILENCE_SECONDS, stop_seconds=1)
    worker.start(ears.hear)
    yield worker
    worker.stop()


def submit_innocents(worker: ProcessWorker, name: str, seeds: range) -> list[str]:
    job_ids = [f"{name} {seed}" for seed in seeds]
    for job_id, seed in zip(job_ids, seeds, strict=True):
        worker.submit(job_id, task(steps=40, seed=seed), Terms())
    return job_ids


def assert_all_drawn(ears: Ears, job_ids: list[str]) -> None:
    for job_id in job_ids:
        (finished,) = ears.ends(job_id)
        assert isinstance(finished, Finished)
        assert all(has_its_colour(picture) for picture in finished.pictures)
        assert ears.of(job_id)[-1] is finished


@pytest.mark.parametrize(
    ("prompt", "code", "starts"),
    [
        pytest.param("!oom", "out_of_memory", 1, id="out of memory"),
        pytest.param("!poison", "worker_lost", 3, id="poisoned device"),
        pytest.param("!hang", "worker_lost", 3, id="hung tick"),
        pytest.param("!segv", "worker_lost", 3, id="crash"),
        pytest.param("!exit", "worker_lost", 3, id="exit"),
    ],
)
def test_only_the_guilty_job_fails(worker: ProcessWorker, ears: Ears, prompt: str, code: str, starts: int) -> None:
    innocents = submit_innocents(worker, f"before {prompt}", range(4))
    worker.submit(prompt, task(prompt, steps=40), Terms())
    innocents += submit_innocents(worker, f"after {prompt}", range(4, 8))
    ears.wait_for_end(prompt, *innocents)
    assert_all_drawn(ears, innocents)
    (failed,) = ears.ends(prompt)
    assert isinstance(failed, Failed)
    assert failed.code == code
    assert sum(isinstance(event, Started) for event in ears.of(prompt)) == starts
    if starts > 2:
        assert_last_start_was_alone(ears.events, prompt)


def assert_last_start_was_alone(events: list[Event], job_id: str) -> None:
    started = max(n for n, event in enumerate(events) if event.job_id == job_id and isinstance(event, Started))
    failed = next(n for n, event in enumerate(events) if event.job_id == job_id and isinstance(event, Failed))
    assert {event.job_id for event in events[started : failed + 1]} == {job_id}


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_no_job_is_lost_with_the_child(worker: ProcessWorker, ears: Ears, signum: signal.Signals) -> None:
    innocents = submit_innocents(worker, signum.name, range(8))
    ears.wait_for(Progressed, *innocents)
    counted = worker.health().counters.steps
    (child,) = children_of(os.getpid())
    os.kill(child, signum)
    ears.wait_for_end(*innocents)
    assert worker.health().counters.steps >= counted  # what the first child did is not forgotten
    assert_all_drawn(ears, innocents)
    assert children_of(os.getpid()) != [child]


def test_a_job_cancelled_while_there_is_no_child_is_not_drawn_by_the_next(worker: ProcessWorker, ears: Ears) -> None:
    worker.submit("unwanted", task(steps=1000), Terms())
    worker.submit("wanted", task(steps=40), Terms())
    ears.wait_for(Progressed, "unwanted", "wanted")
    os.kill(children_of(os.getpid())[0], signal.SIGKILL)
    until(lambda: worker.health().state == "starting")
    worker.cancel("unwanted")
    ears.wait_for(Finished, "wanted")
    assert isinstance(ears.of("unwanted")[-1], Cancelled)
    assert sum(isinstance(event, Started) for event in ears.of("unwanted")) == 1


def kill_children(known: set[int], times: int) -> None:
    """Those that this process starts from now on beside the known ones, each as soon as it is there."""
    for _ in range(times):
        until(lambda: bool(set(children_of(os.getpid())) - known))
        (child,) = set(children_of(os.getpid())) - known
        os.kill(child, signal.SIGKILL)
        known.add(child)


def test_a_job_that_only_waited_loses_no_attempt(tmp_path: Path) -> None:
    worker, ears, known = ProcessWorker(*write_catalogue(tmp_path), "cpu"), Ears(), set(children_of(os.getpid()))
    worker.submit("patient", task(), Terms())
    worker.start(ears.hear)
    try:
        kill_children(known, 4)
        ears.wait_for_end("patient")
    finally:
        worker.stop()
    assert_all_drawn(ears, ["patient"])


def test_children_that_die_again_and_again_end_in_a_clear_state(tmp_path: Path) -> None:
    worker, ears = ProcessWorker(*write_catalogue(tmp_path), "cpu", most_deaths=2), Ears()
    known = set(children_of(os.getpid()))
    worker.submit("early", task(), Terms())
    worker.start(ears.hear)
    try:
        kill_children(known, 2)
        ears.wait_for_end("early")
        worker.submit("late", task(), Terms())
        ears.wait_for_end("late")
        health = worker.health()
    finally:
        worker.stop()
    assert (health.ready, health.state, health.waiting) == (False, "failed", 0)
    assert [event.code for event in ears.events if isinstance(event, Failed)] == ["worker_lost", "worker_lost"]


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_a_child_does_not_outlive_its_parent(tmp_path: Path, stopped: bool) -> None:
    files = [str(file) for file in write_catalogue(tmp_path)]
    with subprocess.Popen([sys.executable, "-c", PARENT, *files]) as parent:
        try:
            until(lambda: bool(children_of(parent.pid)))
            (child,) = children_of(parent.pid)
            if stopped:
                time.sleep(1)  # until it has asked to die with its parent
                os.kill(child, signal.SIGSTOP)
        finally:
            parent.kill()
    until(lambda: not is_alive(child))


def until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds; fails when that takes too long."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)
