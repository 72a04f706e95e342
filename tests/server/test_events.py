"""The events of a job, as a client reads them: how things are, what changes, how it ended, and then an end."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from pipelines.engine.protocol import Previewed
from pipelines.tasks import Raster
from server.jobs import MOST_FOLLOWED
from tests.server.serving import KEY, Serve, Served, application, running, until
from tests.server.worker import StepWorker

JOBS = "/darkroom/v1/jobs"
STAR = {"task": "text_to_image", "prompt": "a red star", "seed": 3}


class Event(NamedTuple):
    name: str
    id: str
    data: dict[str, Any]


def submitted(served: Served, **more: Any) -> str:
    answer = served.client.post(JOBS, json=STAR | more)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


@contextmanager
def listening(served: Served, location: str) -> Iterator[Iterator[Event]]:
    with served.client.stream("GET", f"{location}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield events_of(answer)


def events_of(answer: httpx.Response) -> Iterator[Event]:
    """As the HTML Standard reads a stream: fields up to an empty line; what begins with a colon is nothing."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield Event(fields["event"], fields["id"], json.loads(fields["data"]))
            fields = {}


def test_a_job_tells_its_life_and_then_the_stream_ends(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    before, location = submitted(served), submitted(served)
    served.worker.await_running()
    with listening(served, location) as events:
        first = next(events)
        assert (first.name, first.data) == ("queued", {"place": 1, "seconds_left": None})
        served.worker.let_go()
        rest = list(events)
    ended = rest[-1]
    assert (ended.name, ended.id) == ("ended", "ended")
    assert ended.data == served.client.get(location).json()
    steps = [event.data["step"] for event in rest if event.name == "progress"]
    assert steps == sorted(steps)
    assert served.client.get(before).json()["state"] == "succeeded"


def test_progress_and_previews_are_told_as_they_come(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    location = submitted(served, previews=True)
    served.worker.await_running()
    job_id = location.rsplit("/", 1)[1]
    with listening(served, location) as events:
        assert next(event for event in events if event.name == "progress").data["step"] == 0
        served.worker.tell(Previewed(job_id, Raster(1, 1, b"\1\2\3")))
        preview = next(events)
        assert preview.name == "preview"
        assert preview.data["image"].startswith("data:image/png;base64,")
        served.worker.let_go()
        assert list(events)[-1].data["state"] == "succeeded"


def test_a_cancelled_job_ends_its_stream(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    location = submitted(served)
    with listening(served, location) as events:
        next(events)
        served.client.post(f"{location}/cancel")
        assert list(events)[-1].data["state"] == "cancelled"


def test_a_job_that_another_server_draws_is_told_of_too(tmp_path: Path) -> None:
    """Two servers on one data folder; this one's worker is never ready."""
    headers = {"X-API-Key": KEY}
    asleep, awake = StepWorker(state="starting"), StepWorker(state="starting")
    with running(application(tmp_path, asleep)) as ours, running(application(tmp_path, awake)) as theirs:
        location = httpx.post(f"{ours}{JOBS}", json=STAR, headers=headers).headers["location"]
        with httpx.stream("GET", f"{ours}{location}/events", headers=headers, timeout=60) as answer:
            events = events_of(answer)
            assert next(events).name == "queued"
            awake.state = "ready"
            awake.let_go()
            httpx.get(f"{theirs}/readyz")
            assert list(events)[-1].data["state"] == "succeeded"
    assert asleep.tasks == []


def test_whoever_comes_again_is_told_how_things_are_and_after_the_end_nothing(shared: Served) -> None:
    location = shared.client.post(JOBS, json=STAR, headers={"Prefer": "wait=30"}).headers["location"]
    again = shared.client.get(f"{location}/events", headers={"Last-Event-ID": "7"})
    assert again.text.startswith("event: ended\n")
    assert shared.client.get(f"{location}/events", headers={"Last-Event-ID": "ended"}).status_code == 204
    assert shared.client.get(f"{JOBS}/nothing/events").status_code == 404


def test_an_account_follows_only_so_many_jobs_at_once_and_streams_that_are_left_do_not_count(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    location = submitted(served)
    served.worker.await_running()
    until(lambda: served.client.get(location).json()["state"] == "running")
    with httpx.Client(base_url=served.url, headers=served.client.headers, timeout=60, trust_env=False) as client:
        with ExitStack() as stack:
            streams = [stack.enter_context(client.stream("GET", f"{location}/events")) for _ in range(MOST_FOLLOWED)]
            heard = [events_of(answer) for answer in streams]  # kept, because one that is forgotten is closed
            assert {next(events).data["step"] for events in heard} == {0}
            assert status_of(client, location) == 429
        until(lambda: status_of(client, location) == 200)
    served.worker.let_go()


def status_of(client: httpx.Client, location: str) -> int:
    with client.stream("GET", f"{location}/events") as answer:
        return answer.status_code


def test_a_server_that_leaves_ends_the_streams_in_order(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    location = submitted(served)
    begun = threading.Event()
    with ThreadPoolExecutor() as threads:

        def listen() -> list[Event]:
            heard = []
            with listening(served, location) as events:
                for event in events:
                    heard.append(event)
                    begun.set()
            return heard

        heard = threads.submit(listen)
        assert begun.wait(30)
        served.app.state.parts.jobs.leave()
        assert [event.name for event in heard.result(30)][-1] != "ended"
    served.worker.let_go()
