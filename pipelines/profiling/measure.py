"""How long a tick takes with so many rows, and the memory that it takes: the measuring of `darkroom profile`."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import torch

from pipelines.canvas import Canvas
from pipelines.catalog import Catalog
from pipelines.engine.pieces import give_back_memory
from pipelines.engine.pipeline import Draft, Pipeline
from pipelines.engine.rows import BUCKETS
from pipelines.planning import text_to_image
from pipelines.profiling.curves import Curve, weights_digest
from pipelines.registry import Registry
from pipelines.sizes import plan

WARM_UP = 2  # ticks: kernels are chosen, or compiled, and memory is taken
TIMED = 5


def measure(
    catalog: Catalog,
    registry: Registry,
    model_id: str,
    size: tuple[int, int],
    device: torch.device,
    buckets: Iterable[int] = BUCKETS,
    report: Callable[[int, float], None] = lambda rows, seconds: None,
) -> Curve:
    """The curve of a model at `size`, width and height in pixels. report: is told each point.

    Stops early where the memory is full. Raises what planning and loading raise, and torch.OutOfMemoryError where
    even the first point does not fit.
    """
    entry = catalog.get(model_id)
    task = text_to_image(catalog, model=model_id, prompt="a profile", width=size[0], height=size[1], seed=0)
    task = replace(task, steps=WARM_UP + TIMED, guidance_scale=1.0, sampler="euler")
    pipeline, canvas = registry.pipeline(model_id, ()), Canvas(plan(*size, entry))
    before = _allocated(device)
    seconds: dict[int, float] = {}
    row_bytes = 0
    drafts: Sequence[Draft] = ()
    for rows in buckets:
        drafts = pipeline.drafts("profile", replace(task, count=rows), canvas)
        try:
            seconds[rows] = tick_seconds(pipeline, drafts, device)
        except torch.OutOfMemoryError:
            if not seconds:
                raise
            break
        row_bytes = (_peak(device) - before) // rows
        report(rows, seconds[rows])
    give_back_memory()
    return Curve(
        model=model_id,
        weights=weights_digest(entry),
        height=canvas.size.render_height,
        width=canvas.size.render_width,
        seconds=seconds,
        row_bytes=row_bytes,
        picture_bytes=_decoding_bytes(pipeline, drafts[:1], device),
    )


def tick_seconds(pipeline: Pipeline[Any], drafts: Sequence[Draft], device: torch.device) -> float:
    """The median of a tick of these drafts, which have enough steps before them."""
    times = []
    for _ in range(WARM_UP + TIMED):
        synchronize(device)
        started = time.perf_counter()
        pipeline.tick(drafts, None)
        synchronize(device)
        times.append(time.perf_counter() - started)
    return median(times[WARM_UP:])


def synchronize(device: torch.device) -> None:
    """Wait for what the device was given; a CPU has always done it already."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _decoding_bytes(pipeline: Pipeline[Any], drafts: Sequence[Draft], device: torch.device) -> int:
    before = _allocated(device)
    pipeline.decode(drafts)
    return _peak(device) - before


def _allocated(device: torch.device) -> int:
    """Bytes now, from where on `_peak` counts."""
    if device.type != "cuda":
        return 0
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device)


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
