"""A server process of our own with the shapes models, for other people's programs to talk to."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
KEY = "a key for this run only, long enough"
START_SECONDS = 180


@contextmanager
def serving(data: Path) -> Iterator[str]:
    """The address of a server process of our own, when it is ready to draw. Raises RuntimeError where it ends early."""
    environment = os.environ | {"DARKROOM_ADMIN_KEY": KEY, "DARKROOM_DATA": str(data / "data"), "PYTHONPATH": str(ROOT)}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "server", "serve", "--port", str(port), "--device", "cpu"]
    address = f"http://127.0.0.1:{port}"
    with (data / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
        try:
            _until_ready(process, address)
            yield address
            if process.poll() is not None:
                told = (data / "log").read_text(encoding="utf-8", errors="replace")[-2000:]
                raise RuntimeError(
                    f"the server ended with {process.returncode} before the last client was done: {told}"
                )
        finally:
            process.terminate()
            process.wait(60)


def _until_ready(process: subprocess.Popen[bytes], address: str) -> None:
    """Raises RuntimeError where the server ends, and TimeoutError where it is never ready."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError("the server ended before it was ready: run `darkroom serve` to see why")
        try:
            if httpx.get(f"{address}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise TimeoutError("the server was not ready in time")
