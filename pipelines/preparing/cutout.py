"""What stands out in pictures: several at once by the network, or each by GrabCut; and what becomes of it."""

from collections.abc import Sequence
from typing import Any

from PIL import Image

from pipelines.canvas import picture_of
from pipelines.engine.pool import PoolKey
from pipelines.engine.running import Made, Prepared
from pipelines.matting.cutout import Matte, bounds, cut_out, mattes, with_edge
from pipelines.one_shot import OneShot, OneShotPipeline
from pipelines.preparing.background import in_front, replaced
from pipelines.preparing.finding import calls_of, share_of
from pipelines.preparing.host import made
from pipelines.registry import Registry
from pipelines.tasks import Foreground, RemoveBackground, ReplaceBackground, Task

GRABCUT = " grabcut"  # in the place of a model's id, which has no space


def prepare_cutout(job_id: str, task: RemoveBackground | ReplaceBackground, registry: Registry) -> Prepared:
    network = registry.tools.matting(task.model) if task.model else None
    image = picture_of(task.image)
    drawn = task.drawn if isinstance(task, ReplaceBackground) else None

    def run(images: Sequence[Image.Image]) -> list[Matte]:
        return mattes(images, network)

    def finish(_: Any, matte: Matte) -> Made | Task:
        return replaced(image, matte, task) if isinstance(task, ReplaceBackground) else _cut_out(image, matte, task)

    def join(results: list[Made]) -> list[Made]:
        is_both = isinstance(task, RemoveBackground) and task.output == "both"
        return _with_mask(results[0], task) if is_both else results

    draft = OneShot(job_id, image, image.width * image.height)
    later = calls_of(drawn, registry) if drawn else 0
    return Prepared(PoolKey(task.model or GRABCUT, (), 0, 0), OneShotPipeline(run), [draft], 1 + later, finish, join)


def _cut_out(image: Image.Image, matte: Matte, task: RemoveBackground) -> Made:
    """For both results, the cut-out without its background: `_with_mask` makes them of it."""
    mask = with_edge(image, matte.mask, task.edge)
    result = mask if task.output == "mask" else cut_out(image, mask)
    if task.output == "cutout" and task.background is not None:
        result = in_front(result, task.background, task.fit)
    return made(result, task, Foreground(matte.method, share_of(mask), bounds(mask)))


def _with_mask(result: Made, task: RemoveBackground | ReplaceBackground) -> list[Made]:
    """The cut-out, in front of its new background where it has one, and its alpha as a mask."""
    assert result.picture is not None
    cutout = picture_of(result.picture)
    shown = cutout if task.background is None else in_front(cutout, task.background, task.fit)
    return [made(shown, task, result.facts), made(cutout.getchannel("A"), task)]
