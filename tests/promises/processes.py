"""A server in a process of its own, which can be stopped, killed and started again, and a client of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.over_http import JOBS
from tests.server.serving import KEY, free_port

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120
Job = dict[str, Any]


class Server:
    """A server on one data folder (see mortal.py), again and again.

    worker: what draws. prefix: a command that runs the server's own. settings: of the environment, without DARKROOM_.
    """

    def __init__(self, folder: Path, worker: str = "steps", prefix: tuple[str, ...] = (), **settings: object) -> None:
        folder.mkdir(exist_ok=True)
        port = free_port()
        self._command = [*prefix, sys.executable, "-m", "tests.promises.mortal", str(folder), str(port), worker]
        self._environment = os.environ | {f"DARKROOM_{name.upper()}": str(value) for name, value in settings.items()}
        self._log = folder.parent / f"{folder.name}.log"
        self.url, self.folder = f"http://127.0.0.1:{port}", folder
        self.client = self.new_client()
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def new_client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"X-API-Key": KEY}, trust_env=False, timeout=60)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        self.starts += 1
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def stop(self, signum: signal.Signals) -> int:
        """Its exit status."""
        assert self.process is not None
        self.process.send_signal(signum)
        return self.process.wait(PATIENCE_SECONDS)

    def keep_up(self) -> None:
        """Start it where it has ended, as whatever supervises it would."""
        if not self.is_running:
            self.start()

    def submit(self, bodies: list[Job]) -> list[str]:
        """The ids, as they were promised."""
        self.await_answer()
        return [self.client.post(JOBS, json=body).raise_for_status().json()["id"] for body in bodies]

    def jobs(self, ids: list[str]) -> list[Job]:
        """None of them while it does not answer."""
        try:
            return [self.client.get(f"{JOBS}/{job_id}").raise_for_status().json() for job_id in ids]
        except httpx.TransportError:
            return []

    def await_answer(self) -> None:
        self.wait_for(lambda: self._answers("/livez"))

    def await_ready(self) -> None:
        self.wait_for(lambda: self._answers("/readyz"))

    def await_begun(self, ids: list[str]) -> None:
        self.wait_for(lambda: any(job["state"] != "queued" for job in self.jobs(ids)))

    def ended(self, ids: list[str]) -> list[Job]:
        """All of them, however often the server has to be started."""
        self.wait_for(lambda: [job for job in self.jobs(ids) if job["ended_at"]] == self.jobs(ids) != [])
        return self.jobs(ids)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            self.keep_up()
            if condition():
                return
            time.sleep(0.05)
        raise AssertionError(self._log.read_text()[-10_000:])

    def _answers(self, path: str) -> bool:
        try:
            return self.client.get(path).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def ending(*servers: Server) -> Iterator[None]:
    """However the test goes, none of them stays."""
    try:
        yield
    finally:
        for server in servers:
            if server.process is not None:
                server.process.kill()
                server.process.wait()
            server.client.close()
