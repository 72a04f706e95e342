"""Our own API: a job is accepted or refused at once, told about while it runs, and ends in exactly one way."""

import base64
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from pipelines.tasks import ImageToImage, Picture
from server.images import Encoding, encode
from tests.server.serving import KEY, Serve, Served, application, leaving, running, until
from tests.server.worker import StepWorker, flat_colour

JOBS = "/darkroom/v1/jobs"
STAR = {"task": "text_to_image", "prompt": "a red star", "seed": 3}


def state_of(served: Served, location: str) -> str:
    return str(served.client.get(location).json()["state"])


def test_a_job_is_accepted_at_once_and_ends_with_images(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    accepted = served.client.post(JOBS, json=STAR | {"count": 2})
    assert accepted.status_code == 202
    assert accepted.json()["state"] == "queued"
    served.worker.let_go()
    location = accepted.headers["location"]
    until(lambda: state_of(served, location) == "succeeded")
    job = served.client.get(location).json()
    assert [image["seed"] for image in job["images"]] == [3, 4]
    assert job["progress"] == {"step": 8, "steps": 8, "seconds_left": None}
    for image in job["images"]:
        picture = Image.open(io.BytesIO(served.client.get(image["file"]).content))
        assert picture.getpixel((0, 0)) == tuple(flat_colour(image["seed"]))


def test_a_picture_comes_straight_away_to_those_who_accept_one(shared: Served) -> None:
    answer = shared.client.post(JOBS, json=STAR, headers={"Accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (128, 128)


def test_curl_s_form_content_type_is_no_hindrance(shared: Served) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "image/png"}
    assert shared.client.post(JOBS, content=json.dumps(STAR), headers=headers).status_code == 200


def test_whoever_prefers_to_wait_gets_the_ended_job(shared: Served) -> None:
    answer = shared.client.post(JOBS, json=STAR, headers={"Prefer": "wait=30"})
    assert (answer.status_code, answer.json()["state"]) == (200, "succeeded")
    assert answer.headers["preference-applied"] == "wait=30"


def test_whoever_waited_long_enough_gets_the_job_as_it_is(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    answer = served.client.post(JOBS, json=STAR, headers={"Prefer": "wait=0"})
    assert answer.status_code == 202
    served.worker.let_go()
    until(lambda: state_of(served, answer.headers["location"]) == "succeeded")


def test_a_cancelled_job_stops_before_its_next_step(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    location = served.client.post(JOBS, json=STAR).headers["location"]
    served.worker.await_running()
    assert served.client.delete(location).status_code == 202
    until(lambda: state_of(served, location) == "cancelled")
    assert served.worker.steps_drawn == 0


def test_a_job_that_has_ended_can_be_cancelled_as_often_as_anybody_likes_and_stays_as_it_is(shared: Served) -> None:
    location = shared.client.post(JOBS, json=STAR, headers={"Prefer": "wait=30"}).headers["location"]
    answers = [shared.client.post(f"{location}/cancel") for _ in range(2)]
    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(200, "succeeded")] * 2


def test_a_job_that_was_cancelled_over_and_over_is_cancelled_once(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    location = served.client.post(JOBS, json=STAR).headers["location"]
    served.worker.await_running()
    assert [served.client.post(f"{location}/cancel").status_code for _ in range(2)] == [200, 200]
    until(lambda: state_of(served, location) == "cancelled")
    assert served.client.post(f"{location}/cancel").json()["state"] == "cancelled"


def test_a_deleted_job_is_seen_only_by_who_asks_for_such_and_its_image_by_nobody(serve: Serve) -> None:
    served = serve()
    job = served.client.post(JOBS, json=STAR, headers={"Prefer": "wait=30"}).json()
    gone = served.client.delete(f"{JOBS}/{job['id']}")
    assert gone.status_code == 200
    assert gone.json()["deleted_at"]
    for path in (f"{JOBS}/{job['id']}", f"{JOBS}/{job['id']}/events", job["images"][0]["file"]):
        assert served.client.get(path).status_code == 404
    assert served.client.delete(f"{JOBS}/{job['id']}").status_code == 404
    assert served.client.get(JOBS).json()["jobs"] == []
    (kept,) = served.client.get(JOBS, params={"include_deleted": True}).json()["jobs"]
    assert (kept["id"], kept["state"], kept["images"]) == (job["id"], "succeeded", [])


def test_a_job_that_is_deleted_for_good_is_seen_by_nobody(serve: Serve) -> None:
    served = serve()
    job = served.client.post(JOBS, json=STAR, headers={"Prefer": "wait=30"}).json()
    assert served.client.delete(f"{JOBS}/{job['id']}", params={"for_good": True}).status_code == 200
    assert served.client.get(JOBS, params={"include_deleted": True}).json()["jobs"] == []
    assert served.client.get(job["images"][0]["file"]).status_code == 404


def test_whoever_waits_is_told_his_place_and_how_long_it_may_take(serve: Serve) -> None:
    served = serve()
    served.client.post(JOBS, json=STAR, headers={"Prefer": "wait=30"})  # from it the server knows how fast things go
    served.worker.hold()
    locations = [served.client.post(JOBS, json=STAR).headers["location"] for _ in range(3)]
    until(lambda: state_of(served, locations[0]) == "running")
    first, *waiting = [served.client.get(location).json()["queue"] for location in locations]
    assert first == {"place": None, "seconds_left": None}
    assert [each["place"] for each in waiting] == [1, 2]
    assert 0 < waiting[0]["seconds_left"] < waiting[1]["seconds_left"]


def test_the_list_can_be_narrowed_to_a_model_a_kind_and_a_time(serve: Serve) -> None:
    served = serve()
    drawn = [served.client.post(JOBS, json=STAR, headers={"Prefer": "wait=30"}).json() for _ in range(2)]
    first, second = sorted(drawn, key=lambda job: float(job["created_at"]))

    def listed(**filters: Any) -> list[str]:
        return [job["id"] for job in served.client.get(JOBS, params=filters).json()["jobs"]]

    assert listed(model="flat", task="text_to_image") == [second["id"], first["id"]]
    assert listed(model="absent") == listed(task="upscale") == []
    assert listed(created_after=first["created_at"]) == [second["id"]]
    assert listed(created_before=second["created_at"]) == [first["id"]]


def test_a_client_that_leaves_takes_its_job_along(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    with leaving(served, JOBS, STAR, Accept="image/png"):
        served.worker.await_running()
    served.worker.await_idle()
    assert served.worker.steps_drawn == 0, "the worker was held, so nothing but a cancellation can have ended it"


def test_a_full_queue_refuses_before_it_promises(serve: Serve) -> None:
    served = serve(max_queue=2)
    served.worker.hold()
    running = served.client.post(JOBS, json=STAR).headers["location"]
    until(lambda: state_of(served, running) == "running")
    kept = [served.client.post(JOBS, json=STAR) for _ in range(2)]
    refused = served.client.post(JOBS, json=STAR)
    assert [answer.status_code for answer in kept] == [202, 202]
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "queue_full")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    served.worker.let_go()
    for answer in kept:
        until(lambda answer=answer: state_of(served, answer.headers["location"]) == "succeeded")  # type: ignore[misc]


def test_a_failed_job_tells_the_worker_s_sentence_and_the_next_one_is_drawn(serve: Serve) -> None:
    worker = StepWorker()
    served = serve(worker)
    worker.failing = ("drawing_failed", "Something went wrong while drawing.")
    failed = served.client.post(JOBS, json=STAR, headers={"Prefer": "wait=30"}).json()
    assert failed["error"] == {"code": "drawing_failed", "message": "Something went wrong while drawing."}
    worker.failing = None
    assert served.client.post(JOBS, json=STAR, headers={"Accept": "image/png"}).status_code == 200


def test_a_request_may_not_wait_for_ever(serve: Serve) -> None:
    served = serve(request_seconds=0.1)
    served.worker.hold()
    answer = served.client.post(JOBS, json=STAR, headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "job_too_slow")
    served.worker.await_idle()
    assert served.worker.steps_drawn == 0, "its job was cancelled"


def test_a_disk_that_refuses_is_a_message_and_not_a_hang(serve: Serve) -> None:
    served = serve()
    (served.data / "blobs").write_text("a file where the folder should be")
    answer = served.client.post(JOBS, json=STAR, headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_failed")


def test_jobs_wait_while_the_model_loads(serve: Serve) -> None:
    worker = StepWorker(state="starting")
    served = serve(worker)
    location = served.client.post(JOBS, json=STAR).headers["location"]
    assert state_of(served, location) == "queued"
    worker.state = "ready"
    worker.let_go()
    until(lambda: state_of(served, location) == "succeeded")


def test_stopping_the_server_leaves_no_thread_behind(tmp_path: Path, serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    served.client.post(JOBS, json=STAR)
    served.worker.await_running()  # the fixture stops the server and joins its threads: this test ends or times out


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({}, "task", id="no task"),
        pytest.param({"task": "dance"}, "task", id="unknown task"),
        pytest.param({"task": ["text_to_image"]}, "task", id="task that is a list"),
        pytest.param({"task": "text_to_image"}, "prompt", id="no prompt"),
        pytest.param(STAR | {"width": "wide"}, "width", id="width that is no number"),
        pytest.param(STAR | {"width": 10**6}, "width", id="width out of range"),
        pytest.param(STAR | {"count": 0}, "count", id="no pictures"),
        pytest.param(STAR | {"seed": 2**80}, "seed", id="large seed"),
    ],
)
def test_a_bad_task_is_told_by_field(shared: Served, body: dict[str, object], field: str) -> None:
    answer = shared.client.post(JOBS, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == field
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("path", [f"{JOBS}/job_none", "/darkroom/v1/images/image_none", "/files/none.png"])
def test_what_is_not_there_is_a_404(shared: Served, path: str) -> None:
    assert shared.client.get(path).status_code == 404


def test_an_image_can_be_looked_at_and_deleted(shared: Served) -> None:
    job = shared.client.post(JOBS, json=STAR, headers={"Prefer": "wait=30"}).json()
    address = f"/darkroom/v1/images/{job['images'][0]['id']}"
    assert shared.client.get(address).json()["model"] == "flat"
    assert shared.client.delete(address).status_code == 204
    assert shared.client.get(f"{address}/file").status_code == 404


def test_the_list_of_jobs_can_be_paged_through_and_narrowed_to_a_state(serve: Serve) -> None:
    served = serve()
    drawn = [served.client.post(JOBS, json=STAR, headers={"Prefer": "wait=30"}).json()["id"] for _ in range(3)]
    served.worker.hold()
    waiting = [served.client.post(JOBS, json=STAR).json()["id"] for _ in range(2)]
    seen: list[str] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        page = served.client.get(JOBS, params={"limit": 2, "cursor": page["next"]}).json()
        seen += [job["id"] for job in page["jobs"]]
    assert seen == [*reversed(waiting), *reversed(drawn)]
    succeeded = served.client.get(JOBS, params={"state": "succeeded"}).json()
    assert ([job["id"] for job in succeeded["jobs"]], succeeded["next"]) == (seen[2:], None)
    assert all(job["images"] for job in succeeded["jobs"])


def spelled(made_up: str) -> str:
    """As a cursor is."""
    return base64.urlsafe_b64encode(made_up.encode()).decode()


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": "0"},
        {"limit": "many"},
        {"state": "asleep"},
        {"model": "a" * 129},
        {"task": "\0"},
        {"created_after": "nan"},
        {"created_before": "yesterday"},
        {"include_deleted": "perhaps"},
        {"cursor": "x"},
        {"cursor": spelled("null")},
        {"cursor": spelled("[1.0, 2]")},
        {"cursor": spelled('["images newest", 1.0, "a"]')},
        {"cursor": spelled('["jobs", NaN, "a"]')},
        {"cursor": spelled('["jobs", 1.0, "\\u0000"]')},
        {"cursor": spelled('["jobs", 1.0, "\\ud800"]')},
        {"cursor": spelled('[1.0, "\\ud800"]')},
        {"cursor": spelled("[" * 3000)},
        {"cursor": "Ünïcode"},
        {"cursor": "W" * 5000},
    ],
)
def test_a_list_that_nobody_offers_is_refused_by_name(shared: Served, asked: dict[str, str]) -> None:
    answer = shared.client.get(JOBS, params=asked)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, next(iter(asked)))
    assert "many" not in answer.text


def test_jobs_and_images_are_there_after_a_restart(tmp_path: Path) -> None:
    """In the same process, so that a client may hold on to both; what a kill does is in tests/promises."""
    headers = {"X-API-Key": KEY}
    with running(application(tmp_path, StepWorker())) as url:
        job = httpx.post(f"{url}{JOBS}", json=STAR, headers=headers | {"Prefer": "wait=30"}).json()
        asked = {"prompt": "a red star"}
        link = httpx.post(f"{url}/v1/images/generations", json=asked, headers=headers).json()["data"][0]["url"]
    with running(application(tmp_path, StepWorker())) as url:
        assert httpx.get(f"{url}{JOBS}/{job['id']}", headers=headers).json() == job
        assert httpx.get(f"{url}{job['images'][0]['file']}", headers=headers).status_code == 200
        assert httpx.get(f"{url}{urlsplit(link).path}").headers["content-type"] == "image/png"


def test_a_task_with_pictures_is_drawn_after_a_restart_as_it_was_asked_for(tmp_path: Path) -> None:
    headers = {"X-API-Key": KEY}
    given = base64.b64encode(encode(Picture(64, 64, b"\1\2\3" * 64 * 64, 1, (64, 64), None), Encoding())).decode()
    first, second = StepWorker(state="starting"), StepWorker()
    with running(application(tmp_path, first)) as url:
        body = {"task": "image_to_image", "prompt": "a star", "image": given, "seed": 1}
        job = httpx.post(f"{url}{JOBS}", json=body, headers=headers).json()
    assert first.tasks == [], "it was stopped before it could draw"
    with running(application(tmp_path, second)) as url:
        until(lambda: httpx.get(f"{url}{JOBS}/{job['id']}", headers=headers).json()["state"] == "succeeded")
    (task,) = second.tasks
    assert isinstance(task, ImageToImage)
    assert task.image.pixels == b"\1\2\3" * (task.image.width * task.image.height)
