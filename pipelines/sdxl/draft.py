"""A Draft: one picture while it is being drawn, and everything that a tick must know about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.sdxl.model import SdxlModel
from pipelines.sdxl.prompts import Conditioning, TextEncoders
from pipelines.sdxl.samplers import Schedule, schedule
from pipelines.tasks import TextToImage


@dataclass(slots=True)
class Draft:
    """Owns one row of a tick, or two under guidance (then `negative` is there).

    latent: (channels, height / 8, width / 8) in float32, and so are before, earlier and anchor (see `solvers`).
    generator: of all its noise, on the CPU, so that neither the device nor the neighbours matter.
    time_ids: SDXL's size conditioning, the original height and width, the crop's top and left, the target's height
    and width (arXiv 2307.01952, section 2.2).
    """

    job_id: str
    seed: int
    table: Schedule
    guidance: float
    positive: Conditioning
    negative: Conditioning | None
    time_ids: tuple[int, int, int, int, int, int]
    latent: Tensor
    before: Tensor
    earlier: Tensor
    anchor: Tensor
    generator: torch.Generator
    step: int = 0

    @property
    def is_done(self) -> bool:
        return self.step == len(self.table.steps)

    @property
    def rows(self) -> int:
        return 1 if self.negative is None else 2


@torch.inference_mode()
def drafts_of(job_id: str, task: TextToImage, model: SdxlModel, width: int, height: int) -> list[Draft]:
    """The drafts of a task at a render size of `width` x `height` pixels: one a picture, each with its own noise."""
    table = schedule(task.sampler, model.scheduler, task.steps)
    positive, negative = _conditionings(task, model)
    return [
        _draft(job_id, task, model, table, positive, negative, width, height, task.seed + index)
        for index in range(task.count)
    ]


def _draft(
    job_id: str,
    task: TextToImage,
    model: SdxlModel,
    table: Schedule,
    positive: Conditioning,
    negative: Conditioning | None,
    width: int,
    height: int,
    seed: int,
) -> Draft:
    generator = torch.Generator("cpu").manual_seed(seed)
    reduction = 2 ** (len(model.vae.config.block_out_channels) - 1)
    shape = (model.vae.config.latent_channels, height // reduction, width // reduction)
    latent = noise(generator, shape, model) * table.initial
    nothing = torch.zeros_like(latent)
    return Draft(
        job_id=job_id,
        seed=seed,
        table=table,
        guidance=task.guidance_scale,
        positive=positive,
        negative=negative,
        time_ids=(height, width, 0, 0, height, width),
        latent=latent,
        before=nothing,
        earlier=nothing,
        anchor=nothing,
        generator=generator,
    )


def noise(generator: torch.Generator, shape: Sequence[int], model: SdxlModel) -> Tensor:
    """Unit noise in float32 on the model's device, drawn on the CPU in the model's dtype as diffusers draws it."""
    return torch.randn(shape, generator=generator, dtype=model.dtype).float().to(model.device)


def _conditionings(task: TextToImage, model: SdxlModel) -> tuple[Conditioning, Conditioning | None]:
    encoders = TextEncoders(model.text_encoder, model.text_encoder_2, model.tokenizer, model.tokenizer_2)
    if task.guidance_scale <= 1:
        (positive,) = encoders.read([task.prompt])
        return positive, None
    positive, negative = encoders.read([task.prompt, task.negative_prompt])
    if model.zero_empty_prompt and not task.negative_prompt:
        negative = Conditioning(torch.zeros_like(negative.embeddings), torch.zeros_like(negative.pooled))
    return positive, negative
