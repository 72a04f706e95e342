"""Sixteen clients at once over HTTP, and a worker in a process of its own: the engine's promises, seen from outside."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from PIL import Image

from pipelines.catalog import Catalog
from pipelines.engine.process import ProcessWorker
from pipelines.fake import flat_colour
from tests.over_http import JOBS, all_drawn, at_once, body_of, client_of, drawn
from tests.pipelines.conftest import ENTRY, save_tiny_sdxl
from tests.pipelines.engine.company import random_task
from tests.pipelines.engine.hearing import children_of, write_catalogue
from tests.server.serving import quiet

__all__ = ["quiet"]  # a fixture
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the worker's child")

CLIENTS = 16
SILENCE_SECONDS = 4.0  # a busy machine may keep a healthy child from its beat for a second or two


@pytest.fixture(scope="module")
def artist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server whose model is an SDXL with random weights."""
    folder = tmp_path_factory.mktemp("artist")
    save_tiny_sdxl(folder / "models" / "tiny")
    files = folder / "models.yaml", folder / "models"
    files[0].write_text(yaml.safe_dump({"models": [ENTRY]}))
    with client_of(folder, Catalog.load(*files), ProcessWorker(*files, "cpu")) as client:
        yield client


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server whose model is `fake`: it draws flat colours and obeys prompts such as !segv."""
    folder = tmp_path_factory.mktemp("client")
    files = write_catalogue(folder)
    worker = ProcessWorker(*files, "cpu", silence_seconds=SILENCE_SECONDS, stop_seconds=1)
    with client_of(folder, Catalog.load(*files), worker) as client:
        yield client


def plain(seed: int, prompt: str = "a ring", steps: int = 60) -> dict[str, Any]:
    return {"task": "text_to_image", "model": "fake", "prompt": prompt, "seed": seed, "steps": steps}


def has_colour_of(seed: int, picture: Image.Image) -> bool:
    return bool((np.asarray(picture) == flat_colour(seed)).all())


def draw_innocents(client: httpx.Client, call: Any) -> Any:
    """`call`, while fifteen other clients have pictures drawn, each of which has to come out; its result."""
    seeds = range(CLIENTS - 1)
    result, *pictures = at_once([call, *(partial(drawn, client, plain(seed)) for seed in seeds)])
    assert [has_colour_of(seed, picture) for seed, picture in zip(seeds, pictures, strict=True)] == [True] * len(seeds)
    return result


def test_a_picture_does_not_depend_on_who_else_is_served(artist: httpx.Client) -> None:
    random = Random(16)
    tasks = [random_task(random) for _ in range(CLIENTS)]
    alone = [drawn(artist, body_of(task)) for task in tasks]
    for ours, theirs in zip(all_drawn(artist, tasks), alone, strict=True):
        assert np.abs(np.asarray(ours, int) - np.asarray(theirs, int)).max() <= 1


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

    failed = draw_innocents(client, guilty)
    assert (failed["state"], failed["error"]["code"]) == ("failed", code)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_no_request_is_lost_with_the_drawing_process(client: httpx.Client, signum: signal.Signals) -> None:
    def strike() -> None:
        job = client.post(JOBS, json=plain(50, steps=30)).json()["id"]
        while client.get(f"{JOBS}/{job}").json()["progress"]["step"] == 0:
            time.sleep(0.01)
        for child in children_of(os.getpid()):
            os.kill(child, signum)

    draw_innocents(client, strike)


def test_cancelled_jobs_stop_and_the_others_are_drawn(client: httpx.Client) -> None:
    jobs = [client.post(JOBS, json=plain(seed, steps=100)).json()["id"] for seed in range(CLIENTS)]
    at_once([partial(client.delete, f"{JOBS}/{job}") for job in jobs[::2]])
    states = {job: client.get(f"{JOBS}/{job}").json() for job in jobs}
    while any(state["state"] in ("queued", "running") for state in states.values()):
        time.sleep(0.1)
        states = {job: client.get(f"{JOBS}/{job}").json() for job in jobs}
    assert [states[job]["state"] for job in jobs] == ["cancelled", "succeeded"] * (CLIENTS // 2)
    assert all(states[job]["progress"]["step"] < 100 for job in jobs[::2])
