"""Progress, interrupt and skip of the web UI's API: of the caller's own pictures, and of nobody else's."""

import base64
import io
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from PIL import Image

from pipelines.engine.protocol import Previewed
from pipelines.tasks import Raster
from tests.dialects.a1111 import STAR, TXT2IMG, asked, web_ui
from tests.server.serving import Serve, Served, leaving, newcomer, until

IDLE = {"progress": 0.0, "eta_relative": 0.0, "current_image": None, "textinfo": None, "current_task": None}


@contextmanager
def drawing(served: Served, **fields: Any) -> Iterator[Future[httpx.Response]]:
    """A request whose first job the worker has begun, and then stopped at."""
    served.worker.hold()
    with ThreadPoolExecutor(1) as thread:
        try:
            answer = thread.submit(asked, served, **fields)
            served.worker.await_running()
            until(lambda: any(job["state"] == "running" for job in jobs(served)))
            yield answer
        finally:
            served.worker.let_go()


def jobs(served: Served) -> list[dict[str, Any]]:
    return list(served.client.get("/darkroom/v1/jobs").json()["jobs"])


def progress(served: Served, headers: dict[str, str] | None = None, **query: Any) -> dict[str, Any]:
    answer = served.client.get("/sdapi/v1/progress", headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def of_task(served: Served, name: str, **more: Any) -> dict[str, Any]:
    answer = served.client.post("/internal/progress", json={"id_task": name} | more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_who_draws_nothing_sees_nothing(shared: Served) -> None:
    told = progress(shared)
    assert {name: told[name] for name in IDLE} == IDLE
    assert (told["state"]["job_count"], told["state"]["sampling_steps"]) == (0, 0)
    web_ui(shared.url).util_wait_for_ready()


def test_a_request_is_followed_by_its_own_name(serve: Serve) -> None:
    served = serve()
    with drawing(served, n_iter=2, force_task_id="task(mine)") as answer:
        told = progress(served)
        assert 0 <= told["progress"] < 1
        assert (told["current_task"], told["state"]["job_count"], told["state"]["job_no"]) == ("task(mine)", 2, 0)
        mine, another = of_task(served, "task(mine)"), of_task(served, "task(another)")
        assert (mine["active"], mine["queued"], mine["completed"]) == (True, False, False)
        assert (another["active"], another["progress"], another["textinfo"]) == (False, None, "Waiting...")
        assert served.client.get("/internal/pending-tasks").json() == {"size": 0, "tasks": []}
        served.worker.let_go()
        assert answer.result().status_code == 200
    assert of_task(served, "task(mine)")["completed"] is True
    assert progress(served)["state"]["job_count"] == 0


def test_a_request_that_waits_is_queued_and_named(serve: Serve) -> None:
    served = serve()
    with drawing(served), drawing(served, force_task_id="second"):
        until(lambda: served.client.get("/internal/pending-tasks").json() == {"size": 1, "tasks": ["second"]})
        assert served.client.get("/queue/status").json()["queue_size"] == 1
        told = of_task(served, "second")
        assert (told["active"], told["queued"], told["completed"]) == (False, True, False)
        served.worker.let_go()


def test_a_preview_is_shown_unless_it_is_declined(serve: Serve) -> None:
    served = serve()
    with drawing(served, force_task_id="mine"):
        (job,) = jobs(served)
        served.worker.tell(Previewed(job["id"], Raster(8, 8, b"\xff\x00\x00" * 64)))
        until(lambda: progress(served)["current_image"] is not None)
        shown = Image.open(io.BytesIO(base64.b64decode(progress(served)["current_image"])))
        assert shown.convert("RGB").getpixel((4, 4)) == (255, 0, 0)
        assert progress(served, skip_current_image=True)["current_image"] is None
        live = of_task(served, "mine")
        assert live["live_preview"].startswith("data:image/png;base64,")
        again = of_task(served, "mine", id_live_preview=live["id_live_preview"])
        assert again["live_preview"] is None, "the client has it already"
        assert of_task(served, "mine", live_preview=False)["live_preview"] is None


def test_interrupt_stops_all_that_is_not_drawn_yet(serve: Serve) -> None:
    served = serve()
    with drawing(served, n_iter=3) as answer:
        assert served.client.post("/sdapi/v1/interrupt").json() == {}
        assert answer.result().status_code == 409
        assert set(answer.result().json()) == {"error", "detail", "body", "errors"}
    assert {job["state"] for job in jobs(served)} == {"cancelled"}


def test_interrupt_stops_what_is_still_being_written_down(serve: Serve) -> None:
    served = serve()
    with drawing(served, n_iter=12) as answer:
        assert served.client.post("/sdapi/v1/interrupt").json() == {}
        assert answer.result(timeout=30).status_code == 409
    assert {job["state"] for job in jobs(served)} == {"cancelled"}


def test_skip_stops_the_batch_that_is_drawn_and_the_rest_comes(serve: Serve) -> None:
    served = serve()
    with drawing(served, n_iter=3) as answer:
        assert served.client.post("/sdapi/v1/skip").json() == {}
        until(lambda: [job["state"] for job in jobs(served)].count("cancelled") == 1)
        served.worker.let_go()
        assert answer.result().status_code == 200
        assert len(answer.result().json()["images"]) == 2
        assert "1 of 3 jobs gave nothing" in answer.result().headers["x-darkroom-warning"]


def test_others_neither_see_nor_stop_it(serve: Serve) -> None:
    served = serve()
    others = newcomer(served)
    with drawing(served, force_task_id="mine") as answer:
        assert progress(served, others)["state"]["job_count"] == 0
        asked_for = {"id_task": "mine"}
        told = served.client.post("/internal/progress", json=asked_for, headers=others).json()
        assert (told["active"], told["queued"], told["completed"]) == (False, False, False)
        for path in ("interrupt", "skip"):
            assert served.client.post(f"/sdapi/v1/{path}", headers=others).status_code == 200
        assert [job["state"] for job in jobs(served)] == ["running"]
        served.worker.let_go()
        assert answer.result().status_code == 200


def test_what_was_asked_by_another_api_is_left_alone(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    job = {"task": "text_to_image", "prompt": "a red star"}
    served.client.post("/darkroom/v1/jobs", json=job).raise_for_status()
    served.worker.await_running()
    assert progress(served)["state"]["job_count"] == 0
    served.client.post("/sdapi/v1/interrupt").raise_for_status()
    served.worker.let_go()
    until(lambda: [job["state"] for job in jobs(served)] == ["succeeded"])


def test_who_leaves_leaves_no_batch_behind(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    with leaving(served, TXT2IMG, STAR | {"n_iter": 3}):
        until(lambda: len(jobs(served)) == 3)
    until(lambda: [job["state"] for job in jobs(served)] == ["cancelled"] * 3)


def test_the_client_of_the_web_ui_interrupts_what_it_draws(serve: Serve) -> None:
    served, told = serve(), []
    client = web_ui(served.url)

    def draw() -> None:
        with pytest.raises(RuntimeError) as caught:
            client.txt2img(prompt="a red star", width=64, height=64)
        told.append(caught.value.args[0])

    served.worker.hold()
    thread = threading.Thread(target=draw)
    thread.start()
    served.worker.await_running()
    until(lambda: web_ui(served.url).get_progress()["state"]["job_count"] == 1)
    web_ui(served.url).interrupt()
    thread.join(30)
    assert told == [409]
