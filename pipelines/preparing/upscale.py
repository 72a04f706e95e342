"""Enlarging: by a network, which takes the tiles of all that wait together, or by Lanczos on the host."""

from dataclasses import replace
from functools import partial
from typing import Any

from PIL import Image

from pipelines.canvas import picture_of, raster_of
from pipelines.engine.pool import PoolKey
from pipelines.engine.running import Made, Prepared
from pipelines.preparing.host import made, on_host
from pipelines.registry import Registry
from pipelines.tasks import Task, Upscale
from pipelines.upscale.enlargement import Enlargement, lanczos
from pipelines.upscale.pipeline import UpscaleDraft, UpscalePipeline


def prepare_upscale(job_id: str, task: Upscale, registry: Registry) -> Prepared:
    """What is enlarged is drawn over then, or its faces are, where the task has that."""
    size = task.width, task.height
    over = task.over and registry.pipeline(task.over.model, task.over.loras, task.over.vae)
    later = over.calls(task.over) if over and task.over else int(task.faces is not None)
    image = picture_of(task.image)

    def finish(draft: Any, enlarged: Image.Image) -> Made | Task:
        following = task.over or task.faces
        return replace(following, image=raster_of(enlarged)) if following else made(enlarged, task)

    if task.model is None:
        return on_host(job_id, partial(lanczos, image, size), size[0] * size[1], finish, later)
    upscaler = registry.tools.upscaler(task.model)
    draft = UpscaleDraft(job_id, Enlargement(image, size, upscaler.scale, task.denoise))
    side = draft.picture.grid.side
    key = PoolKey(task.model, (), side, side)
    return Prepared(key, UpscalePipeline(upscaler), [draft], draft.steps + later, finish)
