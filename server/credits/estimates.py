"""How long a task would take here, by the profiles that `darkroom profile` wrote."""

from pathlib import Path

from pydantic import ValidationError

from pipelines.catalog import Catalog
from pipelines.profiling.curves import FOLDER, Curve, Curves
from pipelines.profiling.estimate import seconds_of
from pipelines.tasks import Task


def estimated_seconds(task: Task, catalog: Catalog, data: Path, device: str) -> float | None:
    """Of drawing alone, without waiting. data: the data folder. device: as Health names it. None where unknown."""
    return seconds_of(task, catalog, _curves(data / FOLDER, catalog, is_cpu=device == "cpu"))


def _curves(folder: Path, catalog: Catalog, *, is_cpu: bool) -> list[Curve]:
    """Those of this kind of device, the last measured first; files that make no sense say nothing."""
    found: list[Curve] = []
    for file in sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True):
        try:
            measured = Curves.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            continue
        if measured.device.startswith("cpu") == is_cpu:
            found += measured.that_hold(catalog).curves
    return found
