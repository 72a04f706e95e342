"""Webhooks of /api/v2 arrive in the document's words, signed, as often as their owner wants; integrations upload."""

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.engine.protocol import Cancelled, Failed, Finished, Listener
from pipelines.tasks import Filter, Picture, Task
from server.connectors.dropbox import DropboxApp
from server.connectors.places import Places
from tests.server.gallery import picture
from tests.server.receiver import Receiver
from tests.server.serving import Serve, Served, until
from tests.server.worker import StepWorker

JOBS, HOOKS, DRAWING = "/darkroom/v1/jobs", "/api/v2/webhooks", "/api/v2/generate/text-to-image"
STAR = {"prompt": "a red star", "parameters": {"width": 64, "height": 64, "num_inference_steps": 10}}
WAIT = {"Prefer": "wait=30"}
SECRET = "webhook_secret_key_123"


class FilterWorker(StepWorker):
    """Gives pictures that it is to filter back as they were."""

    def _drawn(self, job_id: str, task: Task, listener: Listener) -> Finished | Failed | Cancelled:
        if self.failing is not None:
            return Failed(job_id, *self.failing)
        if not isinstance(task, Filter):
            return super()._drawn(job_id, task, listener)
        size = task.image.width, task.image.height
        return Finished(job_id, (Picture(*size, task.image.pixels, seed=None, rendered=size, model=None),))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().listening() as receiver:
        yield receiver


def serve_near(serve: Serve, worker: StepWorker | None = None, **settings: Any) -> Served:
    """A server that may call receivers of this machine, and sends again what did not arrive at once."""
    return serve(worker, **({"webhook_allow": ["127.0.0.1/32"], "webhook_retry_seconds": [0.01] * 3} | settings))


def made(served: Served, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    answer = served.client.post(HOOKS, json={"url": receiver.url} | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["webhook"])


def test_a_generation_that_is_completed_is_told_as_the_document_shows(serve: Serve, receiver: Receiver) -> None:
    served = serve_near(serve, credit_usd=0.02, public_url="https://pictures.example")
    hook = made(served, receiver, events=["generation.completed"], secret=SECRET)
    drawn = served.client.post(DRAWING, json=STAR).raise_for_status().json()
    until(lambda: len(receiver.got) == 1)
    (told,) = receiver.payloads()
    assert told["event"] == "generation.completed"
    assert told["timestamp"].endswith("Z")
    file = told["data"]["images"][0].pop("url")
    assert told["data"] == {
        "generation_id": drawn["id"],
        "user_id": "user_admin",
        "model": "flat",
        "prompt": "a red star",
        "images": [{"id": drawn["images"][0]["id"]}],
        "cost": {"credits": 1, "usd": 0.02},
    }
    assert httpx.get(file.replace("https://pictures.example", served.url)).status_code == 200, "it asks for no key"
    assert served.client.get(f"{HOOKS}/{hook['id']}").json()["webhook"]["last_triggered_at"] is not None


def test_plain_words_sign_as_they_are(serve: Serve, receiver: Receiver) -> None:
    served = serve_near(serve)
    made(served, receiver, secret=SECRET)
    served.client.post(DRAWING, json=STAR).raise_for_status()
    until(lambda: len(receiver.got) == 1)
    headers, body = receiver.got[0]
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    digest = hmac.digest(SECRET.encode(), signed, hashlib.sha256)
    assert b64decode(headers["webhook-signature"].removeprefix("v1,")) == digest


def test_failures_and_other_work_have_events_of_their_own(serve: Serve, receiver: Receiver) -> None:
    served = serve_near(serve, FilterWorker())
    made(served, receiver, events=["generation.failed", "process.completed", "process.failed"])
    served.client.post(DRAWING, json=STAR).raise_for_status()
    bright = {"task": "filter", "image": picture(), "filters": [{"name": "brightness", "value": 1.2}]}
    served.client.post(JOBS, json=bright, headers=WAIT).raise_for_status()
    served.worker.failing = ("out_of_memory", "The device has not enough memory: ask for a smaller size.")
    for asked in ({"task": "text_to_image", "prompt": "a red star"}, bright):
        served.client.post(JOBS, json=asked, headers=WAIT)
    until(lambda: len(receiver.got) == 3)
    told = {payload["event"]: payload["data"] for payload in receiver.payloads()}
    assert set(told) == {"generation.failed", "process.completed", "process.failed"}
    assert told["generation.failed"]["error"] == {
        "type": "service_error",
        "code": "MODEL_NOT_AVAILABLE",
        "message": "The device has not enough memory: ask for a smaller size.",
    }
    assert told["generation.failed"]["cost"]["credits"] == 0, "what failed is not charged"


def test_who_cancels_is_told_of_a_failure(serve: Serve, receiver: Receiver) -> None:
    served = serve_near(serve)
    made(served, receiver)
    served.worker.hold()
    job = served.client.post(JOBS, json={"task": "text_to_image", "prompt": "a red star"}).json()
    served.worker.await_running()
    served.client.delete(f"{JOBS}/{job['id']}").raise_for_status()
    until(lambda: len(receiver.got) == 1)
    (told,) = receiver.payloads()
    assert (told["event"], told["data"]["images"]) == ("generation.failed", [])
    assert "cancelled" in told["data"]["error"]["message"]


def test_a_test_arrives_whatever_was_asked_for(serve: Serve, receiver: Receiver) -> None:
    served = serve_near(serve)
    hook = made(served, receiver, events=["process.failed"])
    told = served.client.post(f"{HOOKS}/{hook['id']}/test").json()
    assert told == {"delivered": True, "status_code": 204, "message": None}
    assert receiver.payloads()[0]["event"] == "webhook.test"


def test_what_is_switched_off_is_told_nothing_until_it_is_on_again(serve: Serve, receiver: Receiver) -> None:
    served = serve_near(serve)
    hook = made(served, receiver, active=False)
    drawn = []
    for active, so_far in ((True, 0), (False, 2), (True, 2)):
        served.client.post(DRAWING, json=STAR).raise_for_status()
        until(lambda so_far=so_far: len(receiver.got) == so_far)  # what is on its way when it is switched off is lost
        served.client.patch(f"{HOOKS}/{hook['id']}", json={"active": active}).raise_for_status()
        drawn.append(served.client.post(DRAWING, json=STAR).raise_for_status().json()["id"])
    until(lambda: len(receiver.got) == 3)
    first, _, third = drawn
    told = [payload["data"]["generation_id"] for payload in receiver.payloads()]
    assert (first in told, drawn[1] in told, third in told) == (True, False, True)


def test_it_is_sent_again_as_often_as_its_owner_wants(serve: Serve, receiver: Receiver) -> None:
    receiver.answer = lambda headers, body: (503, {})
    served = serve_near(serve)
    hook = made(served, receiver, retry_policy={"max_retries": 0})
    served.client.post(DRAWING, json=STAR).raise_for_status()
    log = f"/darkroom/v1/webhooks/{hook['id']}/deliveries"
    until(lambda: served.client.get(log).json()["deliveries"][0]["state"] == "failed")
    assert len(receiver.got) == 1
    again = {"max_retries": 2, "retry_delay_seconds": 5}
    changed = served.client.patch(f"{HOOKS}/{hook['id']}", json={"retry_policy": again}).json()["webhook"]
    assert changed["retry_policy"] == again


def test_dropbox_is_connected_by_a_code_and_gets_what_is_drawn(serve: Serve, tmp_path: Path) -> None:
    asked: list[tuple[str, dict[str, str], bytes]] = []

    def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        asked.append((path, headers, body))
        return 200, '{"refresh_token": "lasting", "access_token": "fresh"}' if path == "/oauth2/token" else "{}"

    receiver = Receiver(any_method=answer)
    with receiver.listening():
        near = f"http://127.0.0.1:{receiver.port}"
        served = serve_near(serve, dropbox_app_key="app", dropbox_app_secret="app secret")
        places: Places = served.app.state.parts.connectors._places
        object.__setattr__(places, "app", DropboxApp("app", "app secret", near, near))
        settings = {"auto_upload": True, "folder_path": "/AI Generated Images", "file_naming": "{prompt_snippet}_{id}"}
        connection = {"service": "dropbox", "auth_code": "auth_code_from_oauth", "settings": settings, "wings": 2}
        connected = served.client.post("/api/v2/integrations/connect", json=connection)
        assert connected.status_code == 201, connected.text
        assert connected.headers["x-darkroom-ignored-fields"] == "wings"
        assert connected.json()["integration"]["settings"] == settings
        served.client.post(DRAWING, json=STAR).raise_for_status()
        until(lambda: any(path == "/2/files/upload" for path, _, _ in asked))
    assert b"code=auth_code_from_oauth" in asked[0][2]
    uploaded = next(headers for path, headers, _ in asked if path == "/2/files/upload")
    assert '"path": "/AI Generated Images/a_red_star_image_' in uploaded["dropbox-api-arg"]
