"""The benchmarks run from end to end, and what they say of policies, arrivals and FLOPs is so."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarking.load import load_table, reported
from benchmarking.random_sdxl import flops_of_row
from benchmarking.replay import MOST_IN_A_BATCH, POLICIES, replay, stage_of
from benchmarking.tables import at_least, at_most, placed, targets_table
from benchmarking.trace import Mix, mixed_tasks, poisson
from benchmarking.traffic import p99
from pipelines.catalog import Catalog
from pipelines.filters.table import FILTERS
from pipelines.sdxl.loading import CONFIGS
from pipelines.tasks import TextToImage
from pipelines.tuning import Tuning
from tests.pipelines.engine.hearing import task, write_catalogue

ROOT = Path(__file__).parents[1]
LATENCIES = {f"{what}_{which}" for what in ("latency", "slowdown") for which in ("mean", "p50", "p99")}


def sized(*widths: int) -> list[TextToImage]:
    return [TextToImage("any", "a star", "", width, 64, 4, 4.0, "euler", 0) for width in widths]


@pytest.mark.parametrize(
    ("policy", "widths", "busy", "chosen"),
    [
        ("by steps", [64, 96, 64], True, [0, 1, 2]),
        ("one at a time", [64, 96, 64], False, [0]),
        ("one at a time", [64, 96, 64], True, []),
        ("one at a time", [], False, []),
        ("by requests", [64, 96, 64], False, [0, 2]),
        ("by requests", [64, 96, 64], True, []),
        ("by requests", [], False, []),
        ("by requests", [64] * 99, False, list(range(MOST_IN_A_BATCH))),
    ],
    ids=[
        "steps: all join whoever runs",
        "one: the first",
        "one: nobody beside another",
        "one: nobody waits",
        "requests: who can share ticks with the first",
        "requests: nobody joins a batch that runs",
        "requests: nobody waits",
        "requests: no more than a batch holds",
    ],
)
def test_a_policy_hands_over(policy: str, widths: list[int], busy: bool, chosen: list[int]) -> None:
    assert POLICIES[policy](sized(*widths), busy=busy) == chosen


@pytest.mark.parametrize("policy", list(POLICIES))
def test_a_replay_skips_idle_time_and_counts_the_waiting(policy: str, tmp_path: Path) -> None:
    stage = stage_of(Catalog.load(*write_catalogue(tmp_path)), torch.device("cpu"), Tuning())
    hour = 3600.0
    times = replay(stage, [task(), task(), task()], [0.0, hour, hour], policy, lambda: None)
    assert hour < times.total < 2 * hour
    assert max(times.latencies) < hour
    waited = [latency - service for latency, service in zip(times.latencies, times.services, strict=True)]
    assert [wait > 0 for wait in waited] == [False, False, policy == "one at a time"]


def test_a_task_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    stage = stage_of(Catalog.load(*write_catalogue(tmp_path)), torch.device("cpu"), Tuning())
    with pytest.raises(RuntimeError, match="not enough memory"):
        replay(stage, [task("!oom")], [0.0], "by steps", lambda: None)


def test_arrivals_come_at_the_rate_that_was_asked_for_and_bunch_as_poisson_says() -> None:
    arrivals = poisson(10_000, 5.0, seed=1)
    gaps = [later - earlier for earlier, later in pairwise(arrivals)]
    assert arrivals == sorted(arrivals)
    assert sum(gaps) / len(gaps) == pytest.approx(0.2, rel=0.01)
    assert sum(gap > 0.2 for gap in gaps) / len(gaps) == pytest.approx(1 / 2.718, rel=0.05)


def test_mixed_traffic_has_every_kind_size_and_length_and_is_the_same_again() -> None:
    mix = Mix("any", ((128, 128), (160, 96), (96, 160)), (4, 50))
    tasks = mixed_tasks(mix, 100, seed=1)
    assert tasks == mixed_tasks(mix, 100, seed=1)
    assert len({(type(each), each.width, each.steps) for each in tasks}) == 3 * 3 * 2


@pytest.mark.parametrize(("count", "rank"), [(1, 1), (99, 99), (100, 99), (200, 198)])
def test_p99_is_the_nearest_rank(count: int, rank: int) -> None:
    assert p99(list(range(count, 0, -1))) == rank


def test_a_row_of_sdxl_takes_as_many_flops_as_is_known() -> None:
    """5.98 TFLOP in its layers, as is often quoted, and 0.78 in its attention's products."""
    assert flops_of_row(CONFIGS, (1024, 1024)) == pytest.approx(6.76e12, rel=0.005)


def test_a_missed_target_and_what_it_should_be_stand_in_the_table() -> None:
    table = targets_table({"speed": at_least(2, 1.5), "waiting": at_most(0.6, 0.5)})
    assert table.splitlines()[2:] == ["| speed | 1.5 | at least 2 |", "| waiting | 0.5 | at most 0.6 |"]


@pytest.mark.parametrize("name", ["clients", "engine", "operations", "gpu", "torture"])
def test_tables_go_between_their_marks_in_the_readme(name: str) -> None:
    page = (ROOT / "benchmarks" / "README.md").read_text()
    once = placed(page, name, "a table")
    assert f"<!-- {name} -->\na table\n<!-- end of {name} -->" in once
    assert placed(once, name, "a table") == once
    assert set(once.splitlines()) - {"a table"} <= set(page.splitlines())


@pytest.mark.parametrize(("failures", "failed"), [({}, 0), ({"error_request_count": {"avg": 2.0}}, 2)])
def test_what_a_load_generator_reports_is_told_in_seconds(failures: dict[str, Any], failed: int) -> None:
    report = {
        "request_count": {"avg": 24.0},
        "request_throughput": {"avg": 1.25, "unit": "requests/sec"},
        "request_latency": {"unit": "ms", "avg": 800.0, "min": 1.0, "p50": 790.0, "p90": 910.0, "p99": 1203.4},
    }
    run = reported(report | failures)
    assert (run["requests"], run["failed"], run["pictures_a_second"]) == (24, failed, 1.25)
    assert load_table({"4": run}).splitlines()[-1] == f"| 4 | 24 | {failed} | 1.25 | 0.8 | 0.79 | 0.91 | 1.203 |"


def test_the_engine_benchmark_runs(tmp_path: Path) -> None:
    figures = run("bench_engine.py", "--quick", tmp_path)
    assert {name: list(found) for name, found in figures["tick_seconds"].items()} == {"128x128": ["1", "2"]}
    assert set(figures["pictures_a_second"]) == {"diffusers, one at a time", "diffusers, batches of 8", "darkroom"}
    assert len(figures["targets"]) == 3
    check_traffic(figures["traffic"])


def test_the_benchmark_of_operations_runs(tmp_path: Path) -> None:
    figures = run("bench_operations", "--quick", tmp_path)
    blurred = figures["operations"]["filter, blur"]
    assert blurred["ratio"] == pytest.approx(blurred["seconds"] / blurred["plain_seconds"], rel=0.05)
    assert all(found["seconds"] > 0 for found in figures["operations"].values())
    assert {f"filter, {name}" for name in FILTERS if name != "artistic"} <= set(figures["operations"])
    assert "ours over the plain call from file to file, at worst" in figures["targets"]


@pytest.mark.full
def test_the_gpu_benchmark_runs_where_there_is_none(tmp_path: Path) -> None:
    figures = run("bench_gpu.py", "--tiny", tmp_path)
    assert figures["failed"] == {}
    assert len(figures["targets"]) == 5
    assert set(figures["parts"]) == {"vae, 1 picture", "vae, 4 pictures", "text encoders, 2 prompts", "png"}
    for section in ("engine_eager", "engine_compiled", "stock_eager", "stock_compiled"):
        assert figures[section]["pictures_a_second"] > 0
    check_traffic(figures["traffic"])


def run(script: str, option: str, folder: Path) -> dict[str, Any]:
    """The figures that the script writes."""
    command = [sys.executable, ROOT / "scripts" / script, option, "-o", folder / "figures.json"]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("| target | is | should be |")
    figures: dict[str, Any] = json.loads((folder / "figures.json").read_text())
    return figures


def check_traffic(traffic: dict[str, Any]) -> None:
    assert set(traffic["tasks_a_second"]) == set(POLICIES)
    for policies in traffic["by_load"].values():
        assert {policy: set(figures) for policy, figures in policies.items()} == dict.fromkeys(POLICIES, LATENCIES)
