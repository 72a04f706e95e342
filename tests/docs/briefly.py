"""The command `darkroom` for the examples of the pages: a server is told to stop as soon as it answers.

Everything else is the command itself.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from urllib.error import URLError
from urllib.request import urlopen

from tests.server.serving import free_port

DARKROOM = [sys.executable, "-m", "server"]
PATIENCE_SECONDS = 120


def serve_briefly(arguments: list[str]) -> int:
    """Its exit status. On a port and with data of its own: another server may be there."""
    port, data = free_port(), tempfile.mkdtemp(dir=".")
    command = [*DARKROOM, "serve", *arguments, "--port", str(port)]
    server = subprocess.Popen(command, env=os.environ | {"DARKROOM_DATA": data})
    try:
        wait_for(f"http://127.0.0.1:{port}/livez", server)
        server.send_signal(signal.SIGTERM)
        return server.wait(PATIENCE_SECONDS)
    finally:
        server.kill()
        server.wait()


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while server.poll() is None and time.monotonic() < end:
        try:
            urlopen(address, timeout=5).close()
        except URLError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("the server did not answer")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        sys.exit(serve_briefly(sys.argv[2:]))
    os.execv(sys.executable, [*DARKROOM, *sys.argv[1:]])
