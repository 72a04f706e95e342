"""An accepted job is never lost: a real server is killed in the middle of its work, and the next one ends it."""

import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.over_http import JOBS
from tests.server.serving import KEY, free_port
from tests.server.worker import flat_colour

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120
Job = dict[str, Any]


class Server:
    """A server of its own process on one data folder (see mortal.py), again and again."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self._command = [sys.executable, "-m", "tests.promises.mortal", str(folder), str(port)]
        self._log = folder / "log"
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": KEY}, trust_env=False, timeout=60
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        self.starts += 1
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, cwd=ROOT, stdout=log, stderr=log)

    def stop(self, signum: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(signum)
        self.process.wait(PATIENCE_SECONDS)

    def keep_up(self) -> None:
        """Start it where it has ended, as whatever supervises it would."""
        if self.process is None or self.process.poll() is not None:
            self.start()

    def submit(self, bodies: list[Job]) -> list[str]:
        """The ids, as they were promised."""
        self._wait_for(self._answers)
        return [self.client.post(JOBS, json=body).raise_for_status().json()["id"] for body in bodies]

    def jobs(self, ids: list[str]) -> list[Job]:
        """None of them while it does not answer."""
        try:
            return [self.client.get(f"{JOBS}/{job_id}").raise_for_status().json() for job_id in ids]
        except httpx.TransportError:
            return []

    def await_begun(self, ids: list[str]) -> None:
        self._wait_for(lambda: any(job["state"] != "queued" for job in self.jobs(ids)))

    def ended(self, ids: list[str]) -> list[Job]:
        """All of them, however often the server has to be started."""
        self._wait_for(lambda: [job for job in self.jobs(ids) if job["ended_at"]] == self.jobs(ids) != [])
        return self.jobs(ids)

    def _answers(self) -> bool:
        try:
            return self.client.get("/livez").status_code == 200
        except httpx.TransportError:
            return False

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            self.keep_up()
            if condition():
                return
            time.sleep(0.05)
        raise AssertionError(self._log.read_text())

    def assert_drawn(self, job: Job, seed: int) -> None:
        assert job["state"] == "succeeded", job
        (image,) = job["images"]
        picture = Image.open(io.BytesIO(self.client.get(image["file"]).raise_for_status().content))
        assert picture.getpixel((0, 0)) == tuple(flat_colour(seed))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    if server.process is not None:
        server.process.kill()
        server.process.wait()
    server.client.close()


def asked(seed: int, prompt: str = "a ring") -> Job:
    return {"task": "text_to_image", "prompt": prompt, "seed": seed}


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_server_that_ends_in_the_middle_loses_no_job(server: Server, signum: signal.Signals) -> None:
    ids = server.submit([asked(seed) for seed in range(6)])
    server.await_begun(ids)
    server.stop(signum)
    for seed, job in enumerate(server.ended(ids)):
        server.assert_drawn(job, seed)
    assert server.starts == 2


def test_a_job_that_kills_the_server_fails_by_name_and_the_others_are_drawn(server: Server) -> None:
    innocent = server.submit([asked(seed) for seed in range(2)])
    guilty = server.submit([asked(9, "!exit")])
    for seed, job in enumerate(server.ended(innocent)):
        server.assert_drawn(job, seed)
    (failed,) = server.ended(guilty)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "job_abandoned")
