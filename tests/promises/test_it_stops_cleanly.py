"""Two servers on one data folder are stopped and started in turns under load: no request of a patient client fails."""

import io
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.over_http import JOBS
from tests.promises.conftest import Torture
from tests.promises.processes import PATIENCE_SECONDS, Server, ending
from tests.server.worker import flat_colour

CLIENTS = 4
RETRIED = (httpx.ConnectError,)  # nothing was sent


@dataclass
class Patient:
    """A client of several servers: it goes on to the next one at a 503, or where nobody listens."""

    clients: list[httpx.Client]
    drawn: int = 0
    retries: int = 0
    failures: list[str] = field(default_factory=list)

    def run(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            self.draw(self.drawn)
            time.sleep(0.1)

    def draw(self, seed: int) -> None:
        body = {"task": "text_to_image", "prompt": "a ring", "seed": seed, "steps": 4}
        answer = self.ask(body)
        if answer is None or answer.status_code != 200:
            self.failures.append("nobody answered" if answer is None else answer.text)
            return
        assert Image.open(io.BytesIO(answer.content)).getpixel((0, 0)) == tuple(flat_colour(seed))
        self.drawn += 1

    def ask(self, body: dict[str, object]) -> httpx.Response | None:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            try:
                answer = self.clients[0].post(JOBS, json=body, headers={"Accept": "image/png", "Connection": "close"})
            except RETRIED:
                answer = None
            except httpx.TransportError as error:
                self.failures.append(repr(error))
                return None
            if answer is not None and answer.status_code != 503:
                return answer
            self.retries += 1
            self.clients.append(self.clients.pop(0))
            time.sleep(0.05)
        return None


@pytest.mark.timeout(900)
def test_rolling_restart_under_load(torture: Torture, tmp_path: Path) -> None:
    restarts = torture.many(2, 60)
    servers = [Server(tmp_path / "data") for _ in range(2)]
    is_over = threading.Event()
    with ending(*servers), ThreadPoolExecutor(CLIENTS) as threads, ExitStack() as stack:
        stack.callback(is_over.set)
        for server in servers:
            server.start()
        for server in servers:
            server.await_ready()
        patients = [Patient([stack.enter_context(server.new_client()) for server in servers]) for _ in range(CLIENTS)]
        running = [threads.submit(patient.run, is_over.is_set) for patient in patients]
        statuses = [restart(servers[number % 2], patients) for number in range(restarts)]
        is_over.set()
        for each in running:
            each.result()
    assert set(statuses) == {0}
    assert [failure for patient in patients for failure in patient.failures] == []
    drawn, retries = (sum(getattr(patient, name) for patient in patients) for name in ("drawn", "retries"))
    assert drawn >= restarts
    torture.tell(
        "It stops cleanly", "restarts of two servers in turns under load", restarts,
        f"{drawn} requests, 0 failed, {retries} tried again",
    )  # fmt: skip


def restart(server: Server, patients: list[Patient]) -> int:
    """The exit status. Some pictures come before it is the next one's turn."""
    status = server.stop(signal.SIGTERM)
    server.start()
    server.await_ready()
    before = sum(patient.drawn for patient in patients)
    server.wait_for(lambda: sum(patient.drawn for patient in patients) > before or any(p.failures for p in patients))
    return status
