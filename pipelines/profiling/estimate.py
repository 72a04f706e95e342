"""How long drawing takes, by what was measured on this machine; nothing is estimated that nobody measured."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import ceil

from pipelines.catalog import Catalog
from pipelines.passes import passes_of
from pipelines.profiling.curves import Curve
from pipelines.sizes import plan
from pipelines.tasks import Drawing, Edit, ImageToImage, Inpaint, Task

TWICE = ("heun", "heun_karras")  # these samplers call the model twice a step


def seconds_of(task: Task, catalog: Catalog, curves: Iterable[Curve]) -> float | None:
    """Of the task's ticks, were it drawn by itself; what comes before and after them is not in it.

    None where its model was not measured at the size that it draws.
    """
    if not isinstance(task, Drawing) or task.controls or task.image_prompts:
        return None
    known = list(curves)
    seconds = [_pass_seconds(replace(each, count=task.count), catalog, known) for each in passes_of(task)]
    return None if None in seconds else sum(each for each in seconds if each is not None)


def _pass_seconds(task: Drawing, catalog: Catalog, curves: Iterable[Curve]) -> float | None:
    size = plan(task.width, task.height, catalog.get(task.model))
    drawn = task.model, size.render_height, size.render_width
    curve = next((each for each in curves if (each.model, each.height, each.width) == drawn), None)
    return None if curve is None else _ticks(task) * _tick_seconds(task.count * _rows(task), curve)


def _ticks(task: Drawing) -> int:
    strength = task.strength if isinstance(task, ImageToImage | Inpaint) else 1.0
    return max(1, ceil(task.steps * strength)) * (2 if task.sampler in TWICE else 1)


def _rows(task: Drawing) -> int:
    """Of one picture: as many as guidance compares."""
    if isinstance(task, Edit):
        return 3
    return 1 if task.guidance_scale == 1 else 2


def _tick_seconds(rows: int, curve: Curve) -> float:
    """Whole ticks of the most rows that gain something, and one of the rest."""
    whole, rest = divmod(rows, curve.cap)
    return whole * curve.seconds[curve.cap] + (_between(rest, curve.seconds) if rest else 0.0)


def _between(rows: int, seconds: Mapping[int, float]) -> float:
    """A straight line between the next measured points."""
    below = max((point for point in seconds if point <= rows), default=min(seconds))
    above = min((point for point in seconds if point >= rows), default=max(seconds))
    if below == above:
        return seconds[below]
    return seconds[below] + (seconds[above] - seconds[below]) * (rows - below) / (above - below)
