"""What a task costs: the price of each model that works on it, at the resolution of the result, for each picture."""

from collections.abc import Iterator

from pipelines.catalog import Catalog, Resolution
from pipelines.tasks import Crop, Drawing, ImageToImage, Task, TextToImage, Upscale

UNITS = 1000  # in one credit: all sums are of whole thousandths

# Up to so many pixels. Between the usual sides of 512, 1024, 2048 and 4096, so that any aspect of one of them is it.
RESOLUTIONS: tuple[tuple[int, Resolution], ...] = ((768 * 768, "low"), (1536 * 1536, "standard"), (3072 * 3072, "high"))


def price_of(catalog: Catalog, task: Task, resolution: Resolution | None = None) -> int:
    """In thousandths of a credit. What no model works on is free. Raises ModelUnknown.

    resolution: in the words of the API that it came by; None is that of its pixels.
    """
    return pictures_of(task) * _each(catalog, task, resolution or resolution_of(*size_of(task)))


def picture_price_of(catalog: Catalog, task: Task, width: int, height: int) -> int:
    """Of one picture of that size by all models that work on the task, in thousandths of a credit."""
    return _each(catalog, task, resolution_of(width, height))


def resolution_of(width: int, height: int) -> Resolution:
    """The word for a size in pixels."""
    return next((word for most, word in RESOLUTIONS if width * height <= most), "4k")


def size_of(task: Task) -> tuple[int, int]:
    """Width and height of what comes out, in pixels."""
    if isinstance(task, Drawing | Upscale | Crop):
        return task.width, task.height
    return task.image.width, task.image.height


def pictures_of(task: Task) -> int:
    return task.count if isinstance(task, Drawing) else 1


def units(credits: float) -> int:
    return round(credits * UNITS)


def credits(units: int) -> float:
    """As people read them: a whole number where it is one."""
    return units // UNITS if units % UNITS == 0 else units / UNITS


def _each(catalog: Catalog, task: Task, resolution: Resolution) -> int:
    return sum(units(catalog.get(name).price.of(resolution)) for name in _models(task))


def _models(task: Task) -> Iterator[str]:
    """Of the task, of the drawing that is a part of it, and of what only its second pass takes."""
    if task.model is not None:
        yield task.model
    for part in ("drawn", "over", "faces"):
        if (inner := getattr(task, part, None)) is not None:
            yield from _models(inner)
    if isinstance(task, TextToImage | ImageToImage) and task.face_restorer is not None:
        yield task.face_restorer
    if isinstance(task, TextToImage) and task.first_pass is not None:
        second = task.first_pass.second
        yield from (name for name in (second.model, second.upscaler) if name is not None)
