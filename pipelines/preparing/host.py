"""Work without a network, which the host does at once."""

from collections.abc import Callable
from typing import Any

from PIL import Image

from pipelines.analysis import dominant_colours, perceptual_hash, sharpness
from pipelines.canvas import picture_of
from pipelines.cropping import crop
from pipelines.engine.pool import PoolKey
from pipelines.engine.running import Made, Prepared
from pipelines.filters.table import filtered
from pipelines.one_shot import OneShot, OneShotPipeline, in_turn
from pipelines.tasks import Crop, Describe, Description, Filter, Picture, Processing, Task

ON_HOST = PoolKey("", (), 0, 0)


def prepare_on_host(job_id: str, task: Processing) -> Prepared:
    return on_host(job_id, _work(task), task.image.width * task.image.height, lambda _, result: result)


def on_host(
    job_id: str,
    work: Callable[[], Any],
    pixels: int,
    finish: Callable[[Any, Any], Made | Task],
    later: int = 0,
) -> Prepared:
    """pixels: of the picture. finish: see Prepared; it takes what `work` gives. later: calls of what comes after."""
    return Prepared(ON_HOST, OneShotPipeline(in_turn), [OneShot(job_id, work, pixels)], 1 + later, finish)


def made(image: Image.Image, task: Processing) -> Made:
    return Made(Picture(image.width, image.height, image.tobytes(), None, image.size, task.model))


def _work(task: Processing) -> Callable[[], Made]:
    image = picture_of(task.image)
    match task:
        case Filter(steps=steps):
            return lambda: made(filtered(image, steps), task)
        case Crop():
            return lambda: made(crop(image, task.width, task.height, task.mode, task.focus), task)
        case Describe():
            return lambda: Made(facts=_described(image))
    raise AssertionError(task)


def _described(image: Image.Image) -> Description:
    return Description(dominant_colours(image), perceptual_hash(image), sharpness(image))
