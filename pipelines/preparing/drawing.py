"""Pictures that are drawn: their rows share the pool of their weights and size."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.canvas import canvas_of, raster_of
from pipelines.catalog import Catalog
from pipelines.engine.pool import PoolKey
from pipelines.engine.running import Made, Prepared
from pipelines.faces.restoration import with_faces_restored
from pipelines.passes import first_of, then
from pipelines.preparing.finding import calls_of
from pipelines.preparing.upscale import prepare_upscale
from pipelines.registry import Registry
from pipelines.sizes import SizePlan, plan
from pipelines.tasks import Drawing, ImageToImage, Picture, Raster, Task, TextToImage, Upscale


def prepare_drawing(job_id: str, task: Drawing, catalog: Catalog, registry: Registry) -> Prepared:
    first = first_of(task)
    pipeline = registry.pipeline(first.model, first.loras, first.vae, seamless=first.seamless)
    size = plan(first.width, first.height, catalog.get(first.model))
    canvas = canvas_of(first, size)
    rendered = size.rendered

    restored = _face_restoration(task, registry)

    def finish(draft: Any, pixels: NDArray[np.uint8]) -> Made | Task:
        """A picture of the last pass is the result; one of the first is drawn over."""
        image = canvas.finish(Image.fromarray(pixels))
        second = _second(task, raster_of(image), draft.seed - task.seed)
        if second is not None:
            return second
        image = restored(image)
        return Made(Picture(image.width, image.height, image.tobytes(), draft.seed, rendered, task.model))

    drafts = pipeline.drafts(job_id, first, canvas)
    calls = drafts[0].steps + _calls_after(job_id, task, size, registry)
    key = PoolKey(first.model, first.loras, size.render_height, size.render_width, first.vae, first.seamless)
    return Prepared(key, pipeline, drafts, calls, finish)


def _face_restoration(task: Drawing, registry: Registry) -> Callable[[Image.Image], Image.Image]:
    """What draws the faces of a finished picture anew, where the task says so."""
    name = task.face_restorer if isinstance(task, TextToImage | ImageToImage) else None
    if name is None:
        return lambda image: image
    detector, restorer = registry.tools.face_detector(), registry.tools.face_restorer(name)
    return lambda image: with_faces_restored(image, detector.faces(image), restorer).picture


def _second(task: Drawing, drawn: Raster, index: int) -> ImageToImage | Upscale | None:
    """What follows a picture of the first pass; where the task names a network, that enlarges it on the way."""
    second = then(task, drawn, index)
    network = task.first_pass.second.upscaler if isinstance(task, TextToImage) and task.first_pass else None
    if second is None or network is None:
        return second
    scale = max(second.width / drawn.width, second.height / drawn.height)  # the second pass crops what is too much
    width, height = round(drawn.width * scale), round(drawn.height * scale)
    return Upscale(image=drawn, model=network, width=width, height=height, over=second)


def _calls_after(job_id: str, task: Drawing, size: SizePlan, registry: Registry) -> int:
    """What comes after the first pass, whose models are loaded now, so that what they lack is known before."""
    second = _second(task, raster_of(Image.new("RGB", (size.width, size.height))), 0)
    if isinstance(second, Upscale):
        return prepare_upscale(job_id, second, registry).calls
    return calls_of(second, registry) if second else 0
