"""The worker's door: commands from any thread, events from its own, and an end."""

import threading
from collections.abc import Iterator

import pytest

from pipelines.catalog import Catalog
from pipelines.engine.inline import InlineWorker
from pipelines.engine.protocol import Cancelled, Event, Finished, Progressed, Started
from pipelines.planning import text_to_image
from pipelines.tasks import TextToImage

PATIENCE_SECONDS = 60


def task(catalog: Catalog, steps: int) -> TextToImage:
    return text_to_image(catalog, model="tiny", prompt="a ring", width=64, height=64, steps=steps, seed=1)


class Ears:
    """Collects events and lets a test wait for one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = threading.Condition()

    def hear(self, event: Event) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def wait_for(self, kind: type[Event], job_id: str) -> None:
        def heard() -> bool:
            return any(isinstance(event, kind) and event.job_id == job_id for event in self.events)

        with self._news:
            assert self._news.wait_for(heard, PATIENCE_SECONDS), f"{kind.__name__} of {job_id} never came"


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def worker(catalog: Catalog, ears: Ears) -> Iterator[InlineWorker]:
    worker = InlineWorker(catalog, "cpu")
    worker.start(ears.hear)
    yield worker
    worker.stop()


def test_a_submitted_job_is_started_progresses_and_finishes(worker: InlineWorker, catalog: Catalog, ears: Ears) -> None:
    worker.submit("job", task(catalog, steps=2))
    ears.wait_for(Finished, "job")
    assert [type(event) for event in ears.events] == [Started, Progressed, Progressed, Finished]
    (picture,) = ears.events[-1].pictures  # type: ignore[union-attr]
    assert len(picture.pixels) == 64 * 64 * 3


def test_a_running_job_is_cancelled_between_ticks(worker: InlineWorker, catalog: Catalog, ears: Ears) -> None:
    worker.submit("job", task(catalog, steps=100))
    ears.wait_for(Progressed, "job")
    worker.cancel("job")
    ears.wait_for(Cancelled, "job")
    assert not any(isinstance(event, Finished) for event in ears.events)


def test_stopping_cancels_what_is_left_and_ends_the_thread(worker: InlineWorker, catalog: Catalog, ears: Ears) -> None:
    worker.submit("running", task(catalog, steps=100))
    worker.submit("behind it", task(catalog, steps=100))
    ears.wait_for(Progressed, "running")
    worker.stop()
    assert {event.job_id for event in ears.events if isinstance(event, Cancelled)} == {"running", "behind it"}
    assert worker.health().state == "stopped"
    assert not any(thread.name == "darkroom-worker" for thread in threading.enumerate())


def test_health_says_ready_once_the_default_model_is_loaded(worker: InlineWorker, catalog: Catalog, ears: Ears) -> None:
    worker.submit("job", task(catalog, steps=1))
    ears.wait_for(Finished, "job")
    health = worker.health()
    assert (health.ready, health.state, health.device) == (True, "ready", "cpu")
    assert health.loaded_models == ("tiny",)
