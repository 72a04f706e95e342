"""Few-step pictures from a server of our own in another process: requests, drawing and PNG, all of it."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarking.gpu import FEW_STEPS, PROMPT, Bench
from benchmarking.random_sdxl import MODEL

KEY = "a key for the benchmark only"
CLIENTS = 16
PATIENCE_SECONDS = 120


def over_http(bench: Bench) -> dict[str, Any]:
    """Pictures a second of few steps without guidance, PNG, from 16 clients at once; the UNet is not compiled."""
    count = 4 * CLIENTS if bench.on_cuda else 4
    with serving(bench) as client, ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda _: draw(client, bench), range(count)))
        started = time.perf_counter()
        list(pool.map(lambda _: draw(client, bench), range(count)))
        return {"pictures_of_4_steps_a_second": round(count / (time.perf_counter() - started), 3)}


@contextmanager
def serving(bench: Bench) -> Iterator[httpx.Client]:
    with tempfile.TemporaryDirectory() as data:
        settings = {"ADMIN_KEY": KEY, "DATA": data, "COMPILE": "off"}
        settings["MODELS_FOLDER"] = str(bench.models_file.parent / "models")
        environment = os.environ | {f"DARKROOM_{name}": value for name, value in settings.items()}
        port = str(free_port())
        command = [sys.executable, "-m", "server", "serve", "--port", port, "--device", str(bench.device)]
        command += ["--models", str(bench.models_file)]
        headers = {"Authorization": f"Bearer {KEY}", "Accept": "image/png"}
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=PATIENCE_SECONDS)
        with client, (Path(data) / "log").open("w") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            try:
                if not is_ready(client, process):
                    said = [line for line in Path(log.name).read_text().splitlines() if "/readyz" not in line]
                    raise TimeoutError("\n".join(["the server did not become ready", *said]))
                yield client
            finally:
                process.terminate()
                process.wait(60)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def is_ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    """In the end."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if client.get("/readyz").status_code == httpx.codes.OK:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    return False


def draw(client: httpx.Client, bench: Bench) -> None:
    body = {"task": "text_to_image", "model": MODEL, "prompt": PROMPT, "steps": FEW_STEPS, "guidance_scale": 1}
    body |= {"width": bench.sizes[0][0], "height": bench.sizes[0][1]}
    client.post("/darkroom/v1/jobs", json=body).raise_for_status()
