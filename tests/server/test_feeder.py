"""Between the queue and the worker: two servers on one database, tasks that cannot be read, a worker that starts."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, select, update

from server.errors import DatabaseLost
from server.store import jobs as job_rows
from server.store.database import Database
from server.store.tables import jobs
from tests.server.serving import KEY, Serve, application, running, until
from tests.server.worker import StepWorker

JOBS = "/darkroom/v1/jobs"
STAR = {"task": "text_to_image", "prompt": "a red star", "seed": 3}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Clients of two servers that share a data folder; only the first can draw, and it is held at its first step."""
    artist, idle = StepWorker(), StepWorker(state="starting")
    artist.hold()
    with (
        running(application(tmp_path, artist)) as one,
        running(application(tmp_path, idle)) as two,
        httpx.Client(base_url=one, headers={"X-API-Key": KEY}, timeout=30, trust_env=False) as first,
        httpx.Client(base_url=two, headers={"X-API-Key": KEY}, timeout=30, trust_env=False) as second,
    ):
        yield first, second
        artist.let_go()
        idle.state = "ready"


def state_of(client: httpx.Client, job_id: str) -> str:
    return str(client.get(f"{JOBS}/{job_id}").json()["state"])


def test_a_job_is_drawn_by_one_server_and_can_be_seen_and_cancelled_at_another(
    pair: tuple[httpx.Client, httpx.Client],
) -> None:
    first, second = pair
    job_id = second.post(JOBS, json=STAR).json()["id"]
    until(lambda: state_of(second, job_id) == "running")
    assert second.delete(f"{JOBS}/{job_id}").status_code == 202
    until(lambda: state_of(second, job_id) == "cancelled")
    assert state_of(first, job_id) == "cancelled"


def test_whoever_waits_at_one_server_gets_what_another_has_drawn(tmp_path: Path) -> None:
    headers = {"X-API-Key": KEY, "Prefer": "wait=30"}
    with (
        running(application(tmp_path, StepWorker())),
        running(application(tmp_path, StepWorker(state="starting"))) as url,
    ):
        job = httpx.post(f"{url}{JOBS}", json=STAR, headers=headers, timeout=40).json()
        assert job["state"] == "succeeded"
        assert httpx.get(f"{url}{job['images'][0]['file']}", headers=headers).status_code == 200


def test_a_task_that_cannot_be_read_fails_by_name_and_the_next_one_is_drawn(serve: Serve) -> None:
    worker = StepWorker(state="starting")
    served = serve(worker)
    spoiled, whole = [served.client.post(JOBS, json=STAR).json()["id"] for _ in range(2)]
    database = Database(f"sqlite:///{served.data / 'darkroom.db'}")
    with database.begin() as connection:
        connection.execute(update(jobs).where(jobs.c.id == spoiled).values(task='{"kind": "Dream", "fields": {}}'))
    database.close()
    worker.state = "ready"
    worker.let_go()
    until(lambda: state_of(served.client, whole) == "succeeded")
    assert served.client.get(f"{JOBS}/{spoiled}").json()["error"]["code"] == "task_unreadable"


def test_a_database_that_is_lost_after_a_claim_makes_no_job_a_suspect(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = iter([DatabaseLost()])
    task_of = job_rows.task_of

    def sometimes(connection: Connection, job_id: str) -> tuple[str, str | None] | None:
        for error in lost:
            raise error
        return task_of(connection, job_id)

    monkeypatch.setattr(job_rows, "task_of", sometimes)
    served = serve()
    ids = [served.client.post(JOBS, json=STAR).json()["id"] for _ in range(2)]
    until(lambda: {state_of(served.client, job_id) for job_id in ids} == {"succeeded"})
    database = Database(f"sqlite:///{served.data / 'darkroom.db'}")
    with database.look() as connection:
        drawn = connection.execute(select(jobs.c.attempt, jobs.c.deaths)).all()
    database.close()
    assert [tuple(row) for row in drawn] == [(1, 0), (1, 0)]


def test_what_nobody_has_claimed_is_cancelled_at_once(serve: Serve) -> None:
    served = serve(StepWorker(state="starting"))
    job_id = served.client.post(JOBS, json=STAR).json()["id"]
    assert served.client.delete(f"{JOBS}/{job_id}").json()["state"] == "cancelled"
