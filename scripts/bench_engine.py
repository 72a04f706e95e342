#!/usr/bin/env python3
"""Measure the engine on a CPU with the shapes model: scripts/bench_engine.py [--quick] [-o FILE].

Ticks by rows and sizes; what a turn costs beside the UNet; pictures a second against plain diffusers; mixed traffic
drawn by steps, against one task at a time and batches of requests by the same engine. Writes benchmarks/engine.json
and its tables in benchmarks/README.md; takes seven minutes on two cores.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv" / "bin" / "python"
if PYTHON.exists() and Path(sys.prefix) != ROOT / ".venv":
    os.execv(PYTHON, [str(PYTHON), __file__, *sys.argv[1:]])
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: E402

from benchmarking.overhead import TURNS, host_seconds  # noqa: E402
from benchmarking.replay import Stage, rate_at_once, stage_of  # noqa: E402
from benchmarking.stock import Draw, stock  # noqa: E402
from benchmarking.tables import at_least, at_most, publish, table, targets_table, ticks_table, traffic_table  # noqa: E402
from benchmarking.trace import Mix  # noqa: E402
from benchmarking.traffic import capacity_over, late_slowdown_ratio, measure_traffic, replays  # noqa: E402
from pipelines.catalog import Catalog, default_file  # noqa: E402
from pipelines.logs import configure_logs  # noqa: E402
from pipelines.planning import text_to_image  # noqa: E402
from pipelines.profiling.measure import measure  # noqa: E402
from pipelines.tuning import Tuning  # noqa: E402

MODEL = "shapes-xl"
CPU = torch.device("cpu")
SIZES = ((128, 128), (160, 96), (96, 160))
ROWS_OF_OVERHEAD = 16
IN_A_BATCH = 8
FIGURES = ROOT / "benchmarks" / "engine.json"


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured. pictures, steps: of a round at saturation; mixed_steps, tasks, loads: of mixed traffic."""

    sizes: tuple[tuple[int, int], ...] = (*SIZES, (192, 192))
    rows: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    rounds: int = 3
    pictures: int = 24
    steps: int = 20
    mixed_steps: tuple[int, ...] = (4, 8, 12, 20, 50)
    tasks: int = 56
    loads: tuple[float, ...] = (0.5, 0.8, 1.1)


QUICK = Extent(SIZES[:1], (1, 2), rounds=1, pictures=2, steps=2, mixed_steps=(1, 2, 3), tasks=6, loads=(0.8,))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little of everything: does it work at all?")
    parser.add_argument("-o", "--output", type=Path, help="the JSON file; a quick run writes none without this")
    options = parser.parse_args()
    configure_logs()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        figures = measured(QUICK if options.quick else Extent(), progress)
    figures = {"command": "scripts/bench_engine.py" + " --quick" * options.quick, **figures}
    print(text := tables(figures))
    output = options.output or (None if options.quick else FIGURES)
    if output is not None:
        publish(figures, text, output)


def measured(extent: Extent, progress: Progress) -> dict[str, Any]:
    catalog = Catalog.load(default_file(), ROOT / "no-models")
    stage = stage_of(catalog, CPU, Tuning())
    seconds = ticks(stage, extent, bar(progress, "ticks", len(extent.rows) * len(extent.sizes)))
    host = 1000 * host_seconds(catalog, MODEL, SIZES[0], ROWS_OF_OVERHEAD, bar(progress, "turns without UNet", TURNS))
    rates = saturated(stage, extent, bar(progress, "saturation", 3 * (1 + extent.rounds)))
    total = replays(extent.tasks, extent.loads)
    mix = Mix(MODEL, SIZES, extent.mixed_steps)
    traffic = measure_traffic(stage, mix, extent.tasks, extent.loads, bar(progress, "mixed traffic", total))
    return {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "tick_seconds": seconds,
        "pictures_a_second": rates,
        "traffic": traffic,
        "targets": {
            "p99 slowdown over one at a time, at 80 %": at_most(0.6, late_slowdown_ratio(traffic)),
            "capacity over one at a time": at_least(1.7, capacity_over("one at a time", traffic)),
            f"milliseconds of a turn of {ROWS_OF_OVERHEAD} rows without its UNet, one core": at_most(3.0, host),
        },
    }


def bar(progress: Progress, name: str, total: int) -> Callable[[], None]:
    task = progress.add_task(name, total=total)
    return lambda: progress.advance(task)


def ticks(stage: Stage, extent: Extent, advance: Callable[[], None]) -> dict[str, dict[str, float]]:
    """Seconds of a tick by rows, for each size."""
    found = {}
    for size in extent.sizes:
        curve = measure(stage.catalog, stage.registry, MODEL, size, CPU, extent.rows, lambda rows, each: advance())
        found[f"{size[0]}x{size[1]}"] = {str(rows): round(each, 5) for rows, each in curve.seconds.items()}
    return found


def saturated(stage: Stage, extent: Extent, advance: Callable[[], None]) -> dict[str, float]:
    """Pictures a second: medians of rounds in which all take turns, so that they see the same machine."""
    folder = stage.catalog.folder(stage.catalog.get(MODEL))
    by_diffusers = stock(folder, CPU, torch.float32, SIZES[0], extent.steps)
    ways: dict[str, Callable[[str], float]] = {
        "diffusers, one at a time": lambda name: diffusers_rate(by_diffusers, [name]),
        f"diffusers, batches of {IN_A_BATCH}": lambda name: diffusers_rate(by_diffusers, prompts(name, IN_A_BATCH)),
        "darkroom": lambda name: our_rate(stage, prompts(name, extent.pictures), extent.steps),
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(1 + extent.rounds):
        for way, rate in ways.items():
            rates[way].append(rate(f"a red star, round {number}"))
            advance()
    return {way: round(median(each[1:]), 3) for way, each in rates.items()}  # the first round is for warming up


def prompts(name: str, count: int) -> list[str]:
    """All different, so that none is remembered."""
    return [f"{name}, picture {index}" for index in range(count)]


def diffusers_rate(draw: Draw, said: Sequence[str]) -> float:
    started = time.perf_counter()
    draw(list(said))
    return len(said) / (time.perf_counter() - started)


def our_rate(stage: Stage, said: Sequence[str], steps: int) -> float:
    width, height = SIZES[0]
    same: dict[str, Any] = {"model": MODEL, "width": width, "height": height, "steps": steps, "guidance_scale": 4.0}
    return rate_at_once(stage, [text_to_image(stage.catalog, prompt=prompt, seed=0, **same) for prompt in said])


def tables(figures: dict[str, Any]) -> str:
    capacities = figures["traffic"]["tasks_a_second"]
    return "\n\n".join(
        [
            targets_table(figures["targets"]),
            ticks_table(figures["tick_seconds"]),
            table(("at saturation", "pictures a second"), *figures["pictures_a_second"].items()),
            table(("policy", "tasks a second at most"), *capacities.items()),
            traffic_table(figures["traffic"]),
        ]
    )


if __name__ == "__main__":
    main()
