"""UpscalePipeline: how the engine enlarges pictures with one network, a few tiles of each a tick."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from PIL import Image

from pipelines.engine.pipeline import Pad
from pipelines.tasks import Raster
from pipelines.upscale.enlargement import Enlargement, tick
from pipelines.upscale.network import Upscaler

TILES = 4  # of one picture in a tick


@dataclass(slots=True)
class UpscaleDraft:
    """See `pipelines.engine.pipeline.Draft`; a row is a tile."""

    job_id: str
    picture: Enlargement
    seed: int = 0
    step: int = 0

    @property
    def steps(self) -> int:
        return ceil(len(self.picture.grid) / TILES)

    @property
    def rows(self) -> int:
        return min(TILES, self.picture.left)

    @property
    def numbers(self) -> int:
        return self.picture.grid.side**2 // 16  # as a latent of SDXL has

    @property
    def is_done(self) -> bool:
        return not self.picture.left


class UpscalePipeline:
    """See `pipelines.engine.pipeline.Pipeline`. Tiles are few enough not to be padded."""

    def __init__(self, upscaler: Upscaler) -> None:
        self._upscaler = upscaler

    def tick(self, drafts: Sequence[UpscaleDraft], pad: Pad | None) -> None:
        tick(self._upscaler, [(draft.picture, draft.rows) for draft in drafts])
        for draft in drafts:
            draft.step += 1

    def decode(self, drafts: Sequence[UpscaleDraft]) -> list[Image.Image]:
        return [draft.picture.finished() for draft in drafts]

    def preview(self, draft: UpscaleDraft) -> Raster | None:
        return None
