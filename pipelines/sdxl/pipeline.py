"""SdxlPipeline: how the engine draws with one SDXL model and one set of LoRAs. See `pipelines.engine.pipeline`."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from pipelines.canvas import Canvas
from pipelines.engine.pipeline import Pad
from pipelines.errors import DrawingFailed
from pipelines.sdxl.controlnet import ControlModels, controls_of
from pipelines.sdxl.denoise import tick
from pipelines.sdxl.draft import Draft
from pipelines.sdxl.embeddings import Embeddings
from pipelines.sdxl.image_prompts import ImageModels, image_prompts_of
from pipelines.sdxl.latents import decode, preview
from pipelines.sdxl.model import SdxlModel
from pipelines.sdxl.reading import Prompts
from pipelines.sdxl.start import drafts_of, table_of
from pipelines.tally import Tally
from pipelines.tasks import Drawing, Raster


class Adapters(ControlModels, ImageModels, Protocol):
    """Where everything comes from that draws beside the model."""


class SdxlPipeline:
    """wear: brings the model's weights to this pipeline's set of LoRAs; cheap where they are there already.

    embeddings: the words that prompts may have beside those of the language. adapters: where ControlNets and
    IP-Adapters come from.
    """

    def __init__(
        self, model: SdxlModel, wear: Callable[[], None], embeddings: Embeddings, adapters: Adapters, tally: Tally
    ) -> None:
        self.model = model
        self._wear = wear
        self._adapters = adapters
        self._prompts = Prompts(model, embeddings, tally)

    def calls(self, task: Drawing) -> int:
        return len(table_of(task, self.model).steps)

    def drafts(self, job_id: str, task: Drawing, canvas: Canvas) -> list[Draft]:
        self._wear()
        controls = controls_of(task, canvas, self.model, self._adapters)
        image_prompts = image_prompts_of(task, self.model, self._adapters)
        return drafts_of(job_id, task, self.model, canvas, self._prompts, controls, image_prompts)

    def tick(self, drafts: Sequence[Draft], pad: Pad | None) -> None:
        self._wear()
        tick(self.model, drafts, pad)

    def decode(self, drafts: Sequence[Draft]) -> list[NDArray[np.uint8]]:
        latents = torch.stack([draft.latent for draft in drafts])
        if not latents.isfinite().all():
            raise DrawingFailed("The model produced numbers that are no picture.")
        return list(decode(self.model, latents).numpy())

    def preview(self, draft: Draft) -> Raster:
        return preview(self.model, draft.before)
