"""A rate limit is exact: of many at once, in threads and in processes, as many come through as it allows."""

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.errors import RateLimited
from server.store import accepting
from server.store.counts import Window, counted
from server.store.database import Database
from tests.over_http import JOBS
from tests.promises.asking import DAY, HOUR, NOW, let_in
from tests.promises.conftest import Torture
from tests.server.serving import Serve, quiet, serve
from tests.server.store.conftest import database, empty, postgres_url

__all__ = ["database", "empty", "postgres_url", "quiet", "serve"]

ROOT = Path(__file__).parents[2]
THREADS = 100
PATIENCE_SECONDS = 240


def counts(database: Database, *windows: Window) -> list[int]:
    with database.look() as connection:
        return list(counted(connection, windows).values())


def test_of_a_hundred_threads_exactly_as_many_come_through_as_the_limit_says(database: Database) -> None:
    """Half of them through another door to the same database. Who is refused by one window costs no other window."""
    doors = [database, Database(database.url)]
    with ThreadPoolExecutor(THREADS) as threads:
        came = list(threads.map(lambda number: let_in(doors[number % 2], HOUR, DAY), range(THREADS)))
    doors[1].close()
    assert came.count(True) == HOUR.most
    assert counts(database, HOUR, DAY) == [HOUR.most, HOUR.most]


def test_of_several_processes_exactly_as_many_come_through_as_the_limit_says(database: Database) -> None:
    url = database.url.render_as_string(hide_password=False)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-m", "tests.promises.asking", url]
    processes = [subprocess.Popen(command, cwd=ROOT, text=True, **pipes) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("now\n")
        process.stdin.flush()
    came = [int(process.communicate(timeout=PATIENCE_SECONDS)[0]) for process in processes]
    assert sum(came) == HOUR.most
    assert counts(database, HOUR, DAY) == [HOUR.most, HOUR.most]


def test_a_window_that_is_over_begins_anew_and_a_clock_that_is_behind_gains_nothing(database: Database) -> None:
    first, second = Window("ann", 60, 60, 2), Window("ann", 60, 120, 2)
    assert [let_in(database, first) for _ in range(3)] == [True, True, False]
    assert [let_in(database, second) for _ in range(2)] == [True, True]
    assert not let_in(database, first), "another server already counts in the next window"
    assert [let_in(database, second), counts(database, second)] == [False, [2]]


@pytest.mark.parametrize(("now", "seconds"), [(NOW, 3500), (10_799.9, 1)])
def test_who_is_refused_is_told_when_to_come_again(database: Database, now: float, seconds: int) -> None:
    full = Window("ann", 3600, 7200, 1)
    let_in(database, full)
    with pytest.raises(RateLimited) as refused, database.begin() as connection:
        accepting.count(connection, [full, DAY], now)
    assert refused.value.retry_after == seconds


def test_over_http_a_hundred_threads_get_exactly_what_the_limit_allows(
    serve: Serve, torture: Torture, tmp_path: Path
) -> None:
    limits = tmp_path / "limits.yaml"
    limits.write_text("default: small\ntiers:\n  small: {day: 17}\n")
    served = serve(limits_file=limits, max_queue=THREADS)
    served.worker.hold()
    star = {"task": "text_to_image", "prompt": "a red star", "seed": 3}
    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(lambda _: served.client.post(JOBS, json=star), range(THREADS)))
    assert Counter(answer.status_code for answer in answers) == {202: 17, 429: THREADS - 17}
    for answer in answers:
        assert answer.headers["x-ratelimit-limit"] == "17"
        assert (answer.status_code == 202) == ("retry-after" not in answer.headers)
    assert served.client.get(JOBS, params={"limit": 1}).headers["x-ratelimit-remaining"] == "0"
    done = f"{THREADS} threads, each with a request over HTTP, under a limit of 17"
    torture.tell("A limit is exact", done, THREADS, "17 accepted, all others told when to come again")
