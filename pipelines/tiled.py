"""Drawing over a picture of any size, in tiles of a size that the model draws well; neighbours fade into each other."""

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.canvas import Canvas, picture_of, raster_of
from pipelines.catalog import Model
from pipelines.engine.pool import PoolKey
from pipelines.engine.running import Made, Prepared
from pipelines.fake import FakePipeline
from pipelines.sdxl.pipeline import SdxlPipeline
from pipelines.sizes import SizePlan
from pipelines.tasks import ImageToImage, Picture, TiledImageToImage
from pipelines.upscale.tiles import Assembly, Grid, cut


def tiled(job_id: str, task: TiledImageToImage, pipeline: SdxlPipeline | FakePipeline, model: Model) -> Prepared:
    """A draft for each tile, with noise of its own, in the pool of other pictures of the tiles' size."""
    image = picture_of(task.image)
    pixels = np.asarray(image.convert("RGB"))
    side = min(model.native_sizes[0])
    grid, size = Grid(task.width, task.height, side), SizePlan(side, side, side, side)
    said = {field.name: getattr(task, field.name) for field in fields(ImageToImage)}
    drafts = list[Any]()
    for index in range(len(grid)):
        tile = Image.fromarray(cut(pixels, grid, index))
        part = said | {"width": side, "height": side, "image": raster_of(tile), "seed": task.seed + index}
        drafts += pipeline.drafts(job_id, ImageToImage(**part), Canvas(size, tile))

    def finish(draft: Any, drawn: NDArray[np.uint8]) -> Made:
        return Made(Picture(side, side, drawn.tobytes(), draft.seed, (side, side), task.model))

    def join(tiles: list[Made]) -> list[Made]:
        whole = Assembly(grid, scale=1)
        for tile in tiles:
            assert tile.picture is not None
            whole.lay(np.frombuffer(tile.picture.pixels, np.uint8).reshape(side, side, 3))
        result = Image.fromarray(whole.pixels)
        if image.mode == "RGBA":
            result.putalpha(image.getchannel("A"))
        return [Made(Picture(*result.size, result.tobytes(), task.seed, result.size, task.model))]

    key = PoolKey(task.model, task.loras, side, side, task.vae)
    return Prepared(key, pipeline, drafts, drafts[0].steps, finish, join)
