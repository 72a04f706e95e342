"""A full disk is a message, not a loss: what cannot be kept is refused, what was accepted is drawn or fails by name."""

import base64
import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.over_http import JOBS
from tests.promises.conftest import Torture
from tests.promises.namespaces import namespace
from tests.promises.processes import Job, Server, ending

ROOM = 16 * 2**20  # bytes of the disk
RESERVE = 2**20
MOUNTED = f'mount -t tmpfs -o size={ROOM} tmpfs "$1" && shift && exec "$@"'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Its data folder is a small disk, which only it and what /proc shows of it can see."""
    alone = namespace("--mount")
    if not alone:
        pytest.skip("this machine does not let us mount a small disk")
    data = tmp_path / "data"
    server = Server(data, prefix=(*alone, "sh", "-c", MOUNTED, "sh", str(data)), disk_reserve=RESERVE)
    with ending(server):
        server.start()
        server.await_ready()
        yield server


def disk_of(server: Server) -> Path:
    return Path(f"/proc/{server.pid}/root") / server.folder.relative_to("/")


def fill(disk: Path) -> Path:
    """The file that takes all the room that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (2**16, 2**9, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


def asked(seed: int) -> Job:
    """With a picture that no other request has."""
    file = io.BytesIO()
    Image.frombytes("RGB", (64, 64), os.urandom(64 * 64 * 3)).save(file, "PNG")
    picture = base64.b64encode(file.getvalue()).decode()
    return {"task": "image_to_image", "prompt": "a ring", "seed": seed, "image": picture, "strength": 0.5}


def accepted(server: Server, count: int) -> list[str]:
    return server.submit([asked(seed) for seed in range(count)])


def assert_refused(server: Server, answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_failed"), answer.text
    assert server.client.get("/livez").status_code == 200
    assert "disk" in server.client.get("/readyz").json()["problems"]


def test_a_full_disk_is_a_message(torture: Torture, server: Server) -> None:
    rounds, refused = torture.many(1, 20), 0
    owed: list[str] = []
    for _ in range(rounds):
        drawn = server.ended(accepted(server, 2))
        owed += accepted(server, 3)
        ballast = fill(disk_of(server))
        for seed in range(5):
            assert_refused(server, server.client.post(JOBS, json=asked(seed)))
            refused += 1
        for job in drawn:  # what is there can be had all the same
            assert server.client.get(job["images"][0]["file"]).status_code == 200
        ballast.unlink()
        server.await_ready()
        owed += accepted(server, 2)
        ends = server.ended(owed)
        for job in ends[-2:]:
            assert job["state"] == "succeeded", job
    lost = [job for job in ends if job["state"] != "succeeded" and job["error"]["code"] != "storage_failed"]
    assert lost == []
    assert server.starts == 1
    assert server.stop(signal.SIGTERM) == 0
    named = sum(job["state"] == "failed" for job in ends)
    result = f"{refused} refused with 507, {len(owed)} accepted beside it, 0 lost, {named} failed by name"
    torture.tell("A full disk is a message, not a loss", "the disk filled up and freed under jobs", rounds, result)
