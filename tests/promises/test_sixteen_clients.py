"""Sixteen clients at once over HTTP, and a worker in a process of its own: the engine's promises, seen from outside."""

import base64
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from PIL import Image

from pipelines.canvas import picture_of
from pipelines.catalog import Catalog
from pipelines.engine.process import ProcessWorker
from pipelines.engine.protocol import Worker
from pipelines.fake import flat_colour
from pipelines.tasks import ImageToImage, Inpaint, Outpaint, Raster, Task, TextToImage
from server.app import create_app
from server.settings import Settings
from tests.pipelines.conftest import ENTRY, save_tiny_sdxl
from tests.pipelines.engine.company import random_task
from tests.pipelines.engine.hearing import children_of, write_catalogue
from tests.server.serving import KEY, quiet, running

__all__ = ["quiet"]  # a fixture
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the worker's child")

CLIENTS = 16
SILENCE_SECONDS = 4.0  # a busy machine may keep a healthy child from its beat for a second or two
JOBS = "/darkroom/v1/jobs"
TASKS = {
    TextToImage: "text_to_image",
    ImageToImage: "image_to_image",
    Inpaint: "inpaint",
    Outpaint: "outpaint",
}


@pytest.fixture(scope="module")
def artist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server whose model is an SDXL with random weights."""
    folder = tmp_path_factory.mktemp("artist")
    save_tiny_sdxl(folder / "models" / "tiny")
    (folder / "models.yaml").write_text(yaml.safe_dump({"models": [ENTRY]}))
    with client_of(folder, ProcessWorker(folder / "models.yaml", folder / "models", "cpu")) as client:
        yield client


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server whose model is `fake`: it draws flat colours and obeys prompts such as !segv."""
    folder = tmp_path_factory.mktemp("client")
    files = write_catalogue(folder)
    with client_of(folder, ProcessWorker(*files, "cpu", silence_seconds=SILENCE_SECONDS, stop_seconds=1)) as client:
        yield client


@contextmanager
def client_of(folder: Path, worker: Worker) -> Iterator[httpx.Client]:
    catalog = Catalog.load(folder / "models.yaml", folder / "models")
    with running(create_app(Settings(data=folder, admin_key=KEY), catalog, worker)) as url, as_client(url) as client:
        while (health := client.get("/readyz").json())["status"] != "ready":
            assert health["state"] != "failed"
            time.sleep(0.1)
        yield client


def as_client(url: str) -> httpx.Client:
    limits = httpx.Limits(max_connections=None)
    return httpx.Client(base_url=url, headers={"X-API-Key": KEY}, timeout=240, trust_env=False, limits=limits)


def body_of(task: Task) -> dict[str, Any]:
    """The request that asks for the task."""
    pictures = {
        name: encoded(value) for name in ("image", "mask") if isinstance(value := getattr(task, name, None), Raster)
    }
    return {**asdict(task), **pictures, "task": TASKS[type(task)]}


def encoded(raster: Raster) -> str:
    file = io.BytesIO()
    picture_of(raster).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def plain(seed: int, prompt: str = "a ring", steps: int = 60) -> dict[str, Any]:
    return {"task": "text_to_image", "model": "fake", "prompt": prompt, "seed": seed, "steps": steps}


def drawn(client: httpx.Client, body: dict[str, Any]) -> np.ndarray:
    """The first picture of the job, (height, width, 3)."""
    answer = client.post(JOBS, json=body, headers={"Accept": "image/png"})
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)), int)


def is_colour_of(seed: int, picture: np.ndarray) -> bool:
    return bool((picture == flat_colour(seed)).all())


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result() for future in [threads.submit(call) for call in calls]]


def test_a_picture_does_not_depend_on_who_else_is_served(artist: httpx.Client) -> None:
    random = Random(16)
    bodies = [body_of(random_task(random)) for _ in range(CLIENTS)]
    alone = [drawn(artist, body) for body in bodies]
    together = at_once([lambda body=body: drawn(artist, body) for body in bodies])  # type: ignore[misc]
    for ours, theirs in zip(together, alone, strict=True):
        assert np.abs(ours - theirs).max() <= 1


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        pytest.param("!oom", "out_of_memory", id="out of memory"),
        pytest.param("!poison", "worker_lost", id="poisoned device"),
        pytest.param("!hang", "worker_lost", id="hung tick"),
        pytest.param("!segv", "worker_lost", id="crash"),
        pytest.param("!exit", "worker_lost", id="exit"),
    ],
)
def test_only_the_guilty_request_fails(client: httpx.Client, prompt: str, code: str) -> None:
    def guilty() -> Any:
        return client.post(JOBS, json=plain(99, prompt), headers={"Prefer": "wait=200"}).json()

    innocent = [lambda seed=seed: drawn(client, plain(seed)) for seed in range(CLIENTS - 1)]  # type: ignore[misc]
    failed, *pictures = at_once([guilty, *innocent])
    assert (failed["state"], failed["error"]["code"]) == ("failed", code)
    assert [is_colour_of(seed, picture) for seed, picture in enumerate(pictures)] == [True] * (CLIENTS - 1)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_no_request_is_lost_with_the_drawing_process(client: httpx.Client, signum: signal.Signals) -> None:
    def strike() -> None:
        jobs = [client.post(JOBS, json=plain(50, steps=30)).json()["id"]]
        while client.get(f"{JOBS}/{jobs[0]}").json()["progress"]["step"] == 0:
            time.sleep(0.01)
        for child in children_of(os.getpid()):
            os.kill(child, signum)

    innocent = [lambda seed=seed: drawn(client, plain(seed)) for seed in range(CLIENTS - 1)]  # type: ignore[misc]
    _, *pictures = at_once([strike, *innocent])
    assert [is_colour_of(seed, picture) for seed, picture in enumerate(pictures)] == [True] * (CLIENTS - 1)


def test_cancelled_jobs_stop_and_the_others_are_drawn(client: httpx.Client) -> None:
    jobs = [client.post(JOBS, json=plain(seed, steps=100)).json()["id"] for seed in range(CLIENTS)]
    at_once([lambda job=job: client.delete(f"{JOBS}/{job}") for job in jobs[::2]])  # type: ignore[misc]
    states = {job: client.get(f"{JOBS}/{job}").json() for job in jobs}
    while any(state["state"] in ("queued", "running") for state in states.values()):
        time.sleep(0.1)
        states = {job: client.get(f"{JOBS}/{job}").json() for job in jobs}
    assert [states[job]["state"] for job in jobs] == ["cancelled", "succeeded"] * (CLIENTS // 2)
    assert all(states[job]["progress"]["step"] < 100 for job in jobs[::2])
