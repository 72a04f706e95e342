#!/usr/bin/env python3
"""Measure the engine on a GPU with a full-size SDXL of random weights: scripts/bench_gpu.py [--minutes N] [-o FILE].

Sections follow each other until the minutes are over; the file is written after each, so that nothing is lost.
With --tiny a tiny model takes its place, on the CPU too, which shows that the script works and nothing else.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv" / "bin" / "python"
if PYTHON.exists() and Path(sys.prefix) != ROOT / ".venv":
    os.execv(PYTHON, [str(PYTHON), __file__, *sys.argv[1:]])
sys.path.insert(0, str(ROOT))
# For the server that it starts, where this project is not installed.
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)

import torch  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import track  # noqa: E402

from benchmarking import gpu  # noqa: E402
from benchmarking.over_http import over_http  # noqa: E402
from benchmarking.random_sdxl import random_catalogue  # noqa: E402
from benchmarking.tables import Target, at_least, publish, table, targets_table, ticks_table, traffic_table  # noqa: E402
from benchmarking.traffic import capacity_over  # noqa: E402
from pipelines.engine.pieces import give_back_memory  # noqa: E402
from pipelines.logs import configure_logs  # noqa: E402
from pipelines.sdxl.loading import CONFIGS  # noqa: E402

SHAPES = ROOT / "pipelines" / "demo" / "shapes-xl"
# What is quick comes first; to compile takes minutes.
SECTIONS: tuple[Callable[[gpu.Bench], dict[str, Any]], ...] = (
    gpu.best_product,
    gpu.parts,
    gpu.engine_eager,
    gpu.stock_eager,
    over_http,
    gpu.traffic,
    gpu.engine_compiled,
    gpu.stock_compiled,
)
ENGINES = ("engine_eager", "engine_compiled")
PLAIN = ("best_product", "parts", *ENGINES, "stock_eager", "stock_compiled", "over_http")  # one figure a name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a tiny model, for a moment: does the script work?")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--minutes", type=float, default=8.0, help="after that, no section is begun")
    parser.add_argument("-o", "--output", type=Path, help="the JSON file; a tiny run writes none without this")
    options = parser.parse_args()
    configure_logs()
    device, end = torch.device(options.device), time.monotonic() + 60 * options.minutes
    if device.type == "cpu" and not options.tiny:
        parser.error("a full-size SDXL needs a GPU; --tiny runs anywhere")
    output = options.output or (None if options.tiny else ROOT / "benchmarks" / "gpu.json")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    figures: dict[str, Any] = {"command": "scripts/bench_gpu.py" + " --tiny" * options.tiny, "device": name}
    figures |= {"torch": torch.__version__, "seconds_of_sections": {}, "failed": {}}
    with tempfile.TemporaryDirectory() as folder:
        bench = (tiny_bench if options.tiny else full_bench)(device, Path(folder))
        for section in track(SECTIONS, "measuring", console=Console(stderr=True)):
            if time.monotonic() < end:
                measure(section, bench, figures)
                figures["targets"] = targets(figures, gpu.flops_of_picture(bench))
                if output is not None:
                    publish(figures, tables(figures), output)
    print(tables(figures))
    sys.exit(1 if figures["failed"] else 0)


def measure(section: Callable[[gpu.Bench], dict[str, Any]], bench: gpu.Bench, figures: dict[str, Any]) -> None:
    """One section that fails does not cost the others."""
    started = time.monotonic()
    try:
        figures[section.__name__] = section(bench)
    except Exception as error:
        traceback.print_exc()
        figures["failed"][section.__name__] = repr(error)
    figures["seconds_of_sections"][section.__name__] = round(time.monotonic() - started, 1)
    give_back_memory()


def full_bench(device: torch.device, folder: Path) -> gpu.Bench:
    return gpu.Bench(
        device=device,
        models_file=random_catalogue(folder, "stable-diffusion-xl-base-1.0", CONFIGS, SHAPES, device),
        configs=CONFIGS,
        sizes=((1024, 1024), (1216, 832), (832, 1216)),
        rows=(1, 2, 4, 8, 16, 32),
        steps=30,
        batch=8,
        mixed_steps=(4, 8, 20, 30, 50),
        tasks=16,
    )


def tiny_bench(device: torch.device, folder: Path) -> gpu.Bench:
    return gpu.Bench(
        device=device,
        models_file=random_catalogue(folder, "shapes-xl", SHAPES, SHAPES, device),
        configs=SHAPES,
        sizes=((128, 128), (160, 96), (96, 160)),
        rows=(1, 2),
        steps=2,
        batch=2,
        mixed_steps=(1, 2),
        tasks=3,
    )


def targets(figures: dict[str, Any], flops: int) -> dict[str, Target]:
    """As far as they were measured. flops: of one guided picture."""
    best = max((figures[name]["pictures_a_second"] for name in ENGINES if name in figures), default=0.0)
    wanted: dict[str, tuple[float, Callable[[], float]]] = {
        "over diffusers": (2.0, lambda: best / figures["stock_eager"]["pictures_a_second"]),
        "over diffusers, compiled": (1.3, lambda: best / figures["stock_compiled"]["pictures_a_second"]),
        "share of the best product": (0.7, lambda: best * flops / 1e12 / max(figures["best_product"].values())),
        "4-step pictures a second over HTTP": (10.0, lambda: figures["over_http"]["pictures_of_4_steps_a_second"]),
        "capacity over batches of requests": (1.4, lambda: capacity_over("by requests", figures["traffic"])),
    }
    found = {}
    for name, (least, figure) in wanted.items():
        with suppress(KeyError):
            found[name] = at_least(least, figure())
    return found


def tables(figures: dict[str, Any]) -> str:
    """Of the sections that did not fail."""
    plain = [(section, name, value) for section in PLAIN for name, value in figures.get(section, {}).items()]
    lines = [line for line in plain if not isinstance(line[2], dict)]
    found = [targets_table(figures["targets"]), table(("section", "figure", "is"), *lines)]
    found += [ticks_table(figures[name]["tick_seconds"]) for name in ENGINES if name in figures]
    if "traffic" in figures:
        capacities = figures["traffic"]["tasks_a_second"].items()
        found += [table(("policy", "tasks a second at most"), *capacities), traffic_table(figures["traffic"])]
    return "\n\n".join(found)


if __name__ == "__main__":
    main()
