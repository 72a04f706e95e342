"""Cut-outs: several pictures at once by the network, or each by GrabCut."""

from collections.abc import Sequence

from PIL import Image

from pipelines.canvas import picture_of
from pipelines.colours import colour_of
from pipelines.engine.pool import PoolKey
from pipelines.engine.running import Made, Prepared
from pipelines.matting.cutout import Matte, bounds, cut_out, mattes, on_colour, on_picture, with_edge
from pipelines.one_shot import OneShot, OneShotPipeline
from pipelines.preparing.finding import share_of
from pipelines.preparing.host import made
from pipelines.registry import Registry
from pipelines.tasks import Foreground, Raster, RemoveBackground

GRABCUT = " grabcut"  # in the place of a model's id, which has no space


def prepare_cutout(job_id: str, task: RemoveBackground, registry: Registry) -> Prepared:
    network = registry.tools.matting(task.model) if task.model else None
    image = picture_of(task.image)

    def run(images: Sequence[Image.Image]) -> list[Matte]:
        return mattes(images, network)

    draft = OneShot(job_id, image, image.width * image.height)
    key = PoolKey(task.model or GRABCUT, (), 0, 0)
    return Prepared(key, OneShotPipeline(run), [draft], 1, lambda _, matte: _cut_out(image, matte, task))


def _cut_out(image: Image.Image, matte: Matte, task: RemoveBackground) -> Made:
    mask = with_edge(image, matte.mask, task.edge)
    result = mask if task.output == "mask" else cut_out(image, mask)
    if task.output == "cutout" and isinstance(task.background, Raster):
        result = on_picture(result, picture_of(task.background), task.fit)
    elif task.output == "cutout" and isinstance(task.background, str):
        result = on_colour(result, colour_of(task.background, "background"))
    return Made(made(result, task).picture, Foreground(matte.method, share_of(mask), bounds(mask)))
