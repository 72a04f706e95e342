"""An accepted job is never lost: a real server is killed in the middle of its work, and the next one ends it."""

import io
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.promises.processes import Job, Server, ending
from tests.server.worker import flat_colour


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data", drain_seconds=0)
    with ending(server):
        yield server


def assert_drawn(server: Server, job: Job, seed: int) -> None:
    assert job["state"] == "succeeded", job
    (image,) = job["images"]
    picture = Image.open(io.BytesIO(server.client.get(image["file"]).raise_for_status().content))
    assert picture.getpixel((0, 0)) == tuple(flat_colour(seed))


def asked(seed: int, prompt: str = "a ring") -> Job:
    return {"task": "text_to_image", "prompt": prompt, "seed": seed}


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_server_that_ends_in_the_middle_loses_no_job(server: Server, signum: signal.Signals) -> None:
    ids = server.submit([asked(seed) for seed in range(6)])
    server.await_begun(ids)
    server.stop(signum)
    for seed, job in enumerate(server.ended(ids)):
        assert_drawn(server, job, seed)
    assert server.starts == 2


def test_a_job_that_kills_the_server_fails_by_name_and_the_others_are_drawn(server: Server) -> None:
    innocent = server.submit([asked(seed) for seed in range(2)])
    guilty = server.submit([asked(9, "!exit")])
    for seed, job in enumerate(server.ended(innocent)):
        assert_drawn(server, job, seed)
    (failed,) = server.ended(guilty)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "job_abandoned")
