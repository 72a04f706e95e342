"""A server that is told to stop keeps its word to those whom it has accepted, says so to all others, and ends."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from PIL import Image

from server.cli.draining import MOST_TICKS, QUIET_TICKS, DrainingServer
from tests.server.serving import KEY, application, free_port, until
from tests.server.worker import StepWorker, flat_colour

ROOT = Path(__file__).parents[2]
STAR = {"task": "text_to_image", "prompt": "a red star", "seed": 3}
SIGNALS = [signal.SIGTERM, signal.SIGINT]


@dataclass(frozen=True)
class Held:
    """A server as a process, which draws nothing until it is let go."""

    process: "subprocess.Popen[str]"
    client: httpx.Client

    def ready(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get("/readyz").json()
        return answer

    def answers(self) -> bool:
        assert self.process.poll() is None, "the server ended"
        try:
            return self.client.get("/livez").status_code == 200
        except httpx.TransportError:
            return False

    def let_go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


Start = Callable[..., Held]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(**settings: str) -> Held:
            port = free_port()
            given = {"DATA": str(tmp_path), "PORT": str(port), "ADMIN_KEY": KEY} | settings
            environment = dict(os.environ) | {f"DARKROOM_{name}": value for name, value in given.items()}
            command = [sys.executable, "-m", "tests.server.held", str(tmp_path)]
            process = subprocess.Popen(command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            headers = {"Authorization": f"Bearer {KEY}"}
            client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60, trust_env=False)
            held = Held(process, stack.enter_context(client))
            until(held.answers)
            return held

        yield start


@pytest.fixture
def being_served() -> Iterator[Callable[[Held], "Future[httpx.Response]"]]:
    """Sends a request for a picture, and returns when it is being drawn."""
    with ThreadPoolExecutor() as clients:

        def ask(held: Held) -> "Future[httpx.Response]":
            answer = clients.submit(held.client.post, "/darkroom/v1/jobs", json=STAR, headers={"Accept": "image/png"})
            until(lambda: held.ready()["running"] == 1)
            return answer

        yield ask


Ask = Callable[[Held], "Future[httpx.Response]"]


@pytest.mark.parametrize("signum", SIGNALS)
def test_whoever_is_being_served_gets_the_picture(start: Start, being_served: Ask, signum: signal.Signals) -> None:
    held = start(DRAIN_SECONDS="600")
    answer = being_served(held)
    held.process.send_signal(signum)
    until(lambda: held.ready()["status"] == "stopping")
    held.let_go()
    picture = Image.open(io.BytesIO(answer.result().content))
    assert picture.getpixel((0, 0)) == tuple(flat_colour(3))
    assert held.process.wait(60) == 0


def test_meanwhile_new_jobs_are_sent_elsewhere_in_the_words_of_each_door(start: Start, being_served: Ask) -> None:
    held = start(DRAIN_SECONDS="600")
    being_served(held)
    held.process.send_signal(signal.SIGTERM)
    until(lambda: held.ready()["status"] == "stopping")
    assert held.client.get("/readyz").status_code == 503
    assert held.client.get("/livez").status_code == 200
    ours = held.client.post("/darkroom/v1/jobs", json=STAR)
    openai = held.client.post("/v1/images/generations", json={"prompt": "a red star"})
    assert [(answer.status_code, int(answer.headers["retry-after"]) > 0) for answer in (ours, openai)] == [
        (503, True)
    ] * 2
    assert ours.json()["error"]["code"] == "server_stopping"
    assert openai.json()["error"]["type"] == "server_error"
    held.let_go()
    assert held.process.wait(60) == 0


def test_what_takes_longer_than_the_drain_is_told_to_come_again(start: Start, being_served: Ask) -> None:
    held = start(DRAIN_SECONDS="0.5")
    answer = being_served(held)
    held.process.send_signal(signal.SIGTERM)
    assert (answer.result().status_code, answer.result().json()["error"]["code"]) == (503, "server_stopping")
    assert held.process.wait(60) == 0


@pytest.mark.parametrize("signum", SIGNALS)
def test_a_second_signal_ends_it_at_once(start: Start, being_served: Ask, signum: signal.Signals) -> None:
    held = start(DRAIN_SECONDS="600")
    answer = being_served(held)
    held.process.send_signal(signum)
    until(lambda: held.ready()["status"] == "stopping")
    held.process.send_signal(signum)
    assert held.process.wait(60) == -signum
    assert isinstance(answer.exception(), httpx.TransportError)


def test_a_server_with_nothing_to_do_ends_well(start: Start) -> None:
    held = start()
    held.process.send_signal(signal.SIGTERM)
    assert held.process.wait(60) == 0


@pytest.mark.parametrize(
    ("answers_a_tick", "ticks"),
    [
        pytest.param([0] * 100, 1 + QUIET_TICKS, id="nobody comes"),
        pytest.param([1, 1, 0, 0, 2] + [0] * 100, 5 + QUIET_TICKS, id="five are sent elsewhere"),
        pytest.param([1] * 100, 1 + MOST_TICKS, id="somebody never stops asking"),
    ],
)
def test_it_goes_on_answering_while_somebody_comes(tmp_path: Path, answers_a_tick: list[int], ticks: int) -> None:
    app = application(tmp_path, StepWorker())
    jobs = app.state.parts.jobs
    server = DrainingServer(uvicorn.Config(app), jobs, 600)
    assert not asyncio.run(server.on_tick(1))
    server.handle_exit(signal.SIGTERM, None)
    for tick, answers in enumerate(answers_a_tick, start=1):
        server.server_state.total_requests += answers
        if asyncio.run(server.on_tick(tick)):
            break
    assert (tick, jobs.is_closed) == (ticks, True)
