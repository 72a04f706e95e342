"""Pictures that are drawn: their rows share the pool of their weights and size."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.canvas import canvas_of, raster_of
from pipelines.catalog import Catalog
from pipelines.engine.pool import PoolKey
from pipelines.engine.running import Made, Prepared
from pipelines.passes import first_of, then
from pipelines.registry import Registry
from pipelines.sizes import plan
from pipelines.tasks import Drawing, Picture, Task


def prepare_drawing(job_id: str, task: Drawing, catalog: Catalog, registry: Registry) -> Prepared:
    first = first_of(task)
    pipeline = registry.pipeline(first.model, first.loras, first.vae)
    size = plan(first.width, first.height, catalog.get(first.model))
    canvas = canvas_of(first, size)
    rendered = (size.render_width, size.render_height)

    def finish(draft: Any, pixels: NDArray[np.uint8]) -> Made | Task:
        """A picture of the last pass is the result; one of the first is drawn over."""
        image = canvas.finish(Image.fromarray(pixels))
        second = then(task, raster_of(image), draft.seed - task.seed)
        return second or Made(Picture(image.width, image.height, image.tobytes(), draft.seed, rendered, task.model))

    drafts = pipeline.drafts(job_id, first, canvas)
    second = then(task, raster_of(Image.new("RGB", (1, 1))), 0)
    calls = drafts[0].steps + (pipeline.calls(second) if second else 0)
    key = PoolKey(first.model, first.loras, size.render_height, size.render_width, first.vae)
    return Prepared(key, pipeline, drafts, calls, finish)
