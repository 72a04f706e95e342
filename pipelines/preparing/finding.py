"""What words name in a picture: one network looks at all pictures that wait, then each is painted or drawn anew."""

from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from pipelines.canvas import picture_of, raster_of
from pipelines.colours import colour_of
from pipelines.engine.pool import PoolKey
from pipelines.engine.running import Made, Prepared
from pipelines.errors import NothingFound
from pipelines.matting.cutout import bounds
from pipelines.one_shot import OneShot, OneShotPipeline
from pipelines.preparing.host import made
from pipelines.recolor import dilated, recoloured
from pipelines.registry import Registry
from pipelines.tasks import Drawing, Foreground, Inpaint, SearchAndRecolor, SearchAndReplace, Task


def prepare_search(job_id: str, task: SearchAndRecolor | SearchAndReplace, registry: Registry) -> Prepared:
    """Words that fit nothing are the error of their own job alone."""
    assert task.model is not None
    segmenter = registry.tools.segmenter(task.model)
    image = picture_of(task.image)

    def finish(_: Any, found: Image.Image | NothingFound) -> Made | Task:
        if isinstance(found, NothingFound):
            raise found
        mask = dilated(found, task.dilation)
        if isinstance(task, SearchAndReplace):
            return drawn_in(task.drawn, image, mask)
        facts = Foreground("network", share_of(mask), bounds(mask))
        return made(recoloured(image, mask, colour_of(task.colour, "colour")), task, facts)

    draft = OneShot(job_id, (image, task.words), image.width * image.height)
    later = calls_of(task.drawn, registry) if isinstance(task, SearchAndReplace) else 0
    return Prepared(PoolKey(task.model, (), 0, 0), OneShotPipeline(segmenter.masks), [draft], 1 + later, finish)


def drawn_in(task: Inpaint, image: Image.Image, mask: Image.Image) -> Inpaint:
    return replace(task, image=raster_of(image.convert("RGB")), mask=raster_of(mask))


def calls_of(task: Drawing, registry: Registry) -> int:
    """Of the model that draws, which is loaded now, so that what it lacks is known before anything is done."""
    return registry.pipeline(task.model, task.loras, task.vae, seamless=task.seamless).calls(task)


def share_of(mask: Image.Image) -> float:
    """Of the picture, 0 to 1."""
    return float(np.asarray(mask).mean() / 255)
