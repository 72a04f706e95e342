"""From a task to what the engine works on: which pool it joins, its drafts, and how each becomes a result."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.analysis import dominant_colours, perceptual_hash, sharpness
from pipelines.canvas import canvas_of, picture_of, raster_of
from pipelines.catalog import Catalog
from pipelines.colours import colour_of
from pipelines.cropping import crop
from pipelines.engine.pool import PoolKey
from pipelines.engine.running import Made, Prepared
from pipelines.filters.table import filtered
from pipelines.matting.cutout import Matte, bounds, cut_out, mattes, on_colour, on_picture, with_edge
from pipelines.one_shot import OneShot, OneShotPipeline, in_turn
from pipelines.passes import first_of, then
from pipelines.registry import Registry
from pipelines.sizes import plan
from pipelines.tasks import (
    Crop,
    Describe,
    Description,
    Drawing,
    Filter,
    Foreground,
    Picture,
    Processing,
    Raster,
    RemoveBackground,
    Task,
    TiledImageToImage,
    Upscale,
)
from pipelines.tiled import tiled
from pipelines.upscale.enlargement import Enlargement, lanczos
from pipelines.upscale.pipeline import UpscaleDraft, UpscalePipeline

ON_HOST = PoolKey("", (), 0, 0)
GRABCUT = " grabcut"  # in the place of a model's id, which has no space


class Preparer:
    """Call it with a job's id and its task; it raises what the registry and the pipelines raise, and TaskRefused."""

    def __init__(self, catalog: Catalog, registry: Registry) -> None:
        self._catalog, self._registry = catalog, registry
        self._host = OneShotPipeline(in_turn)

    def __call__(self, job_id: str, task: Task) -> Prepared:
        match task:
            case TiledImageToImage():
                pipeline = self._registry.pipeline(task.model, task.loras, task.vae)
                return tiled(job_id, task, pipeline, self._catalog.get(task.model))
            case Drawing():
                return self._drawing(job_id, task)
            case Upscale():
                return self._upscale(job_id, task)
            case RemoveBackground():
                return self._without_background(job_id, task)
            case _:
                draft = OneShot(job_id, self._work(task), task.image.width * task.image.height)
                return Prepared(ON_HOST, self._host, [draft], 1, lambda _, made: made)

    def _drawing(self, job_id: str, task: Drawing) -> Prepared:
        first = first_of(task)
        pipeline = self._registry.pipeline(first.model, first.loras, first.vae)
        size = plan(first.width, first.height, self._catalog.get(first.model))
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

    def _upscale(self, job_id: str, task: Upscale) -> Prepared:
        """By its network, or by Lanczos on the host; then drawn over, where the task has that."""
        size = task.width, task.height
        over = task.over and self._registry.pipeline(task.over.model, task.over.loras, task.over.vae)
        later = over.calls(task.over) if over and task.over else 0
        image = picture_of(task.image)

        def finish(draft: Any, enlarged: Image.Image) -> Made | Task:
            return replace(task.over, image=raster_of(enlarged)) if task.over else _made(enlarged, task)

        if task.model is None:
            shot = OneShot(job_id, partial(lanczos, image, size), size[0] * size[1])
            return Prepared(ON_HOST, self._host, [shot], 1 + later, finish)
        upscaler = self._registry.tools.upscaler(task.model)
        draft = UpscaleDraft(job_id, Enlargement(image, size, upscaler.scale, task.denoise))
        side = draft.picture.grid.side
        key = PoolKey(task.model, (), side, side)
        return Prepared(key, UpscalePipeline(upscaler), [draft], draft.steps + later, finish)

    def _without_background(self, job_id: str, task: RemoveBackground) -> Prepared:
        network = self._registry.tools.matting(task.model) if task.model else None
        image = picture_of(task.image)

        def run(images: Sequence[Image.Image]) -> list[Matte]:
            return mattes(images, network)

        draft = OneShot(job_id, image, image.width * image.height)
        key = PoolKey(task.model or GRABCUT, (), 0, 0)
        return Prepared(key, OneShotPipeline(run), [draft], 1, lambda _, matte: _cut_out(image, matte, task))

    def _work(self, task: Processing) -> Callable[[], Made]:
        image = picture_of(task.image)
        match task:
            case Filter(steps=steps):
                return lambda: _made(filtered(image, steps), task)
            case Crop():
                return lambda: _made(crop(image, task.width, task.height, task.mode, task.focus), task)
            case Describe():
                return lambda: Made(facts=_described(image))
        raise AssertionError(task)


def _made(image: Image.Image, task: Processing) -> Made:
    return Made(Picture(image.width, image.height, image.tobytes(), None, image.size, task.model))


def _cut_out(image: Image.Image, matte: Matte, task: RemoveBackground) -> Made:
    mask = with_edge(image, matte.mask, task.edge)
    share = float(np.asarray(mask).mean() / 255)
    result = mask if task.output == "mask" else cut_out(image, mask)
    if task.output == "cutout" and isinstance(task.background, Raster):
        result = on_picture(result, picture_of(task.background), task.fit)
    elif task.output == "cutout" and isinstance(task.background, str):
        result = on_colour(result, colour_of(task.background, "background"))
    return Made(_made(result, task).picture, Foreground(matte.method, share, bounds(mask)))


def _described(image: Image.Image) -> Description:
    return Description(dominant_colours(image), perceptual_hash(image), sharpness(image))
