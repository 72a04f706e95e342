"""Servers and the processes that draw for them are killed at random under load: no job is lost, none ends twice."""

import io
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
import pytest
from PIL import Image
from sqlalchemy import Connection, func, select

from pipelines.fake import flat_colour
from server.store.database import Database
from server.store.tables import images, jobs
from server.store.words import OPEN, State
from tests.over_http import JOBS
from tests.pipelines.engine.hearing import children_of
from tests.promises.conftest import Torture
from tests.promises.processes import PATIENCE_SECONDS, Server, ending
from tests.promises.spending import charged_as_they_ended

CLIENTS = 4
STEPS = 20
DEATHS_TO_FAIL = 3  # of whatever drew it: server/store/claims.py, pipelines/engine/process.py


@dataclass
class Load:
    """Clients that have a picture drawn each, again and again. accepted: jobs that were promised, and their seeds."""

    server: Server
    accepted: dict[str, int] = field(default_factory=dict)
    ended: Counter[str] = field(default_factory=Counter)
    is_over: threading.Event = field(default_factory=threading.Event)

    def run(self, number: int) -> None:
        seeds = iter(range(number, 2**62, CLIENTS))
        with self.server.new_client() as client:
            while not self.is_over.is_set():
                with suppress(httpx.HTTPError):  # nothing was promised
                    self.have_drawn(client, next(seeds))
                time.sleep(0.02)

    def have_drawn(self, client: httpx.Client, seed: int) -> None:
        body = {"task": "text_to_image", "prompt": "a ring", "seed": seed, "steps": STEPS}
        job_id = client.post(JOBS, json=body).raise_for_status().json()["id"]
        self.accepted[job_id] = seed
        until = time.monotonic() + PATIENCE_SECONDS
        while (state := self.state(client, job_id)) in (None, *OPEN):
            assert time.monotonic() < until, f"{job_id} never ended"
            time.sleep(0.2)
        self.ended[str(state)] += 1

    def state(self, client: httpx.Client, job_id: str) -> str | None:
        """None while nobody answers; that an accepted job is unknown is an error that ends the test."""
        try:
            answer = client.get(f"{JOBS}/{job_id}")
        except httpx.TransportError:
            return None
        assert answer.status_code in (200, 503), (job_id, answer.text)
        return answer.json().get("state")


def kill(server: Server, victim: str) -> bool:
    """Whether there was one to kill."""
    if victim == "server":
        server.stop(signal.SIGKILL)
        return True
    children = children_of(server.pid)
    for child in children:
        os.kill(child, signal.SIGKILL)
    return bool(children)


def kill_again_and_again(load: Load, victims: list[str], random: Random) -> Counter[str]:
    """Between two kills at least one job ends, so that what is killed is at work."""
    killed: Counter[str] = Counter()
    for victim in victims:
        before = load.ended.total()
        load.server.wait_for(lambda before=before: load.ended.total() > before)  # type: ignore[misc]
        time.sleep(random.uniform(0, 0.5))
        killed[victim] += kill(load.server, victim)
        load.server.keep_up()
    return killed


def every_job_ended_once(connection: Connection) -> None:
    """Those too whose promise never reached their client."""
    pictures = select(func.count()).where(images.c.job_id == jobs.c.id).scalar_subquery()
    for row in connection.execute(select(jobs, pictures.label("pictures"))):
        assert row.state in (State.SUCCEEDED, State.FAILED), row
        assert row.pictures == (row.state == State.SUCCEEDED), row
        assert row.holder is None, row
        assert row.ended is not None, row


# What has to hold in the database when all is over.
INVARIANTS: tuple[Callable[[Connection], None], ...] = (every_job_ended_once, charged_as_they_ended)


def assert_drawn_or_failed_by_name(server: Server, accepted: dict[str, int]) -> Counter[str]:
    """Each accepted job; how many came to which end."""
    ends: Counter[str] = Counter()
    for job_id, seed in accepted.items():
        job = server.client.get(f"{JOBS}/{job_id}").raise_for_status().json()
        ends[job["state"]] += 1
        if job["state"] == "failed":
            assert job["error"]["code"] in ("job_abandoned", "worker_lost"), job
            continue
        (image,) = job["images"]
        picture = Image.open(io.BytesIO(server.client.get(image["file"]).raise_for_status().content))
        assert picture.getpixel((0, 0)) == tuple(flat_colour(seed)), job
    return ends


def check_books(folder: Path) -> None:
    database = Database(f"sqlite:///{folder / 'darkroom.db'}")
    with database.look() as connection:
        for holds in INVARIANTS:
            holds(connection)
    database.close()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="asks /proc for the worker's child")
def test_killed_at_random(torture: Torture, tmp_path: Path) -> None:
    """A job that is drawn while whatever draws it is killed three times over fails by name; all others are drawn."""
    random = Random(6)
    count = torture.many(2, 500)
    victims = ["worker", "server", *random.choices(["server", "worker"], k=count - 2)]
    server = Server(tmp_path / "data", "child", image_ttl_seconds=10**6)
    load = Load(server)
    with ending(server), ThreadPoolExecutor(CLIENTS) as threads:
        clients = [threads.submit(load.run, number) for number in range(CLIENTS)]
        try:
            killed = kill_again_and_again(load, victims, random)
        finally:
            load.is_over.set()
        for client in clients:
            client.result()
        ends = assert_drawn_or_failed_by_name(server, load.accepted)
        assert server.stop(signal.SIGTERM) == 0
        check_books(server.folder)
    assert killed["server"] > 0
    assert killed["worker"] > 0
    assert ends["failed"] <= killed.total() * CLIENTS // DEATHS_TO_FAIL
    told = f"{len(load.accepted)} jobs accepted, 0 lost, 0 ended twice, {ends['failed']} failed by name"
    torture.tell("An accepted job is never lost", "SIGKILL of server or worker under load", killed.total(), told)
