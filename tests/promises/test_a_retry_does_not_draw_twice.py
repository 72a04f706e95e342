"""A request that is sent again does not draw twice: many at once under each of many keys, and one job a key.

What two databases make of it, without HTTP, is in
tests/server/store/test_idempotency.py.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import httpx

from tests.over_http import JOBS
from tests.promises.conftest import Torture
from tests.server.serving import KEY, application, running
from tests.server.worker import StepWorker

THREADS = 50


def storm(url: str, key: str, keys: int, threads: int) -> tuple[int, Counter[int]]:
    """Each of so many threads sends one request under each key, in an order of its own.

    Returns how many jobs the answers name altogether, and the statuses.
    """
    limits = httpx.Limits(max_connections=None)
    with (
        httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=240, trust_env=False, limits=limits) as client,
        ThreadPoolExecutor(threads) as pool,
    ):

        def ask(thread: int) -> list[httpx.Response]:
            order = Random(thread).sample(range(keys), keys)
            return [client.post(JOBS, json=_body(each), headers={"Idempotency-Key": f"storm-{each}"}) for each in order]

        answers = [answer for answered in pool.map(ask, range(threads)) for answer in answered]
    return len({answer.json().get("id") for answer in answers}), Counter(answer.status_code for answer in answers)


def _body(number: int) -> dict[str, object]:
    """Without a seed: drawn twice, it would be two pictures."""
    return {"task": "text_to_image", "prompt": f"{number} stars", "steps": 1}


def test_fifty_at_once_under_each_key_are_one_job_a_key(torture: Torture, tmp_path: Path) -> None:
    worker, keys = StepWorker(), torture.many(8, 200)
    with running(application(tmp_path, worker, max_queue=10_000)) as url:
        jobs, statuses = storm(url, KEY, keys, THREADS)
        with httpx.Client(base_url=url, headers={"X-API-Key": KEY}, trust_env=False, timeout=60) as client:
            changed = client.post(JOBS, json=_body(1), headers={"Idempotency-Key": "storm-0"})
    assert jobs == keys
    assert set(statuses) <= {200, 202}
    assert sum(statuses.values()) == keys * THREADS
    assert len(worker.tasks) == keys, "and so many were drawn"
    assert changed.status_code == 422
    done = f"{THREADS} threads send each of {keys} requests with its Idempotency-Key"
    torture.tell("A request sent again is drawn once", done, keys * THREADS, f"{jobs} jobs, each drawn once")
