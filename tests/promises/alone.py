"""Run by test_no_network.py where there is no network: starts the real server, draws over HTTP, prints what it saw.

Where the test could make a network namespace, this process is in one whose only interface is a loopback that is
still down. Elsewhere an audit hook refuses every address that is not loopback, in this process and in the server's.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.promises.private_network import bring_loopback_up

ADDRESS = "http://127.0.0.1:8123"
KEY = "a key for this test alone"
BODY = b'{"task": "text_to_image", "prompt": "a big blue circle on a pink background", "seed": 1, "steps": 10}'


def main() -> None:
    if os.environ["GUARD"] == "namespace":
        bring_loopback_up()
    assert not reaches("198.51.100.1"), "the network is not cut"
    data = Path(sys.argv[1])
    environment = {**os.environ, "DARKROOM_DATA": str(data), "DARKROOM_ADMIN_KEY": KEY}
    command = [sys.executable, "-m", "server", "serve", "--port", ADDRESS.rsplit(":", 1)[1]]
    with (data / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_until_ready(server)
            (data / "picture.png").write_bytes(draw())
        finally:
            server.terminate()
            server.wait(30)


def reaches(host: str) -> bool:
    try:
        socket.create_connection((host, 80), timeout=2).close()
    except (OSError, RuntimeError):
        return False
    return True


def wait_until_ready(server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(f"{ADDRESS}/readyz", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server was not ready within a minute")


def draw() -> bytes:
    headers = {"X-API-Key": KEY, "Accept": "image/png", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{ADDRESS}/darkroom/v1/jobs", BODY, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: bytes = answer.read()
    return content


if __name__ == "__main__":
    main()
