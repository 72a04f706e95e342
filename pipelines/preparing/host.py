"""Work without a network, which the host does at once."""

from collections.abc import Callable
from typing import Any

from PIL import Image

from pipelines.annotators import ANNOTATORS
from pipelines.canvas import picture_of
from pipelines.cropping import crop, with_safe_zone
from pipelines.engine.pool import PoolKey
from pipelines.engine.running import Made, Prepared
from pipelines.faces.detection import Detector
from pipelines.filters.table import filtered
from pipelines.one_shot import OneShot, OneShotPipeline, in_turn
from pipelines.registry import Registry
from pipelines.tasks import Annotate, Crop, Facts, Filter, Picture, Processing, Task
from pipelines.tools import Tools

ON_HOST = PoolKey("", (), 0, 0)


def prepare_on_host(job_id: str, task: Processing, registry: Registry) -> Prepared:
    return on_host(job_id, _work(task, registry.tools), task.image.width * task.image.height, lambda _, result: result)


def on_host(
    job_id: str,
    work: Callable[[], Any],
    pixels: int,
    finish: Callable[[Any, Any], Made | Task],
    later: int = 0,
) -> Prepared:
    """pixels: of the picture. finish: see Prepared; it takes what `work` gives. later: calls of what comes after."""
    return Prepared(ON_HOST, OneShotPipeline(in_turn), [OneShot(job_id, work, pixels)], 1 + later, finish)


def made(image: Image.Image, task: Processing, facts: Facts | None = None) -> Made:
    return Made(Picture(image.width, image.height, image.tobytes(), None, image.size, task.model), facts)


def _work(task: Processing, tools: Tools) -> Callable[[], Made]:
    image = picture_of(task.image)
    match task:
        case Annotate(annotator="depth", model=str()):
            see = tools.depth()
            return lambda: made(see(image.convert("RGB")), task)
        case Annotate(annotator=name):
            return lambda: made(ANNOTATORS[name](image), task)
        case Filter(steps=steps):
            return lambda: made(filtered(image, steps), task)
        case Crop():
            return lambda: made(_cropped(image, task, tools.face_detector()), task)
    raise AssertionError(task)


def _cropped(image: Image.Image, task: Crop, detector: Detector) -> Image.Image:
    smart = task.mode == "smart" and task.focus is None
    faces = [face.box for face in detector.faces(image)] if smart else []
    cropped = crop(image, task.width, task.height, task.mode, task.focus, faces)
    return with_safe_zone(cropped, *task.safe_zone) if task.safe_zone else cropped
