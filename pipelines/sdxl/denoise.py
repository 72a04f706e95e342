"""A tick: one forward pass of the UNet over the rows of many drafts, then each draft's own sampler step."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pipelines.sdxl.draft import Draft, noise
from pipelines.sdxl.model import SdxlModel
from pipelines.sdxl.prompts import stack
from pipelines.sdxl.samplers import Step


@torch.inference_mode()
def tick(model: SdxlModel, drafts: Sequence[Draft]) -> None:
    """Move every draft one step on. They share the model and the latent size, and nothing else."""
    lines = [draft.table.steps[draft.step] for draft in drafts]
    latents = torch.stack([draft.latent for draft in drafts])
    scalars = [(line.timestep, line.scale, line.skip, line.out) for line in lines]
    timestep, scale, skip, out = _on(model.device, scalars)[:, :, None, None, None].unbind(1)
    answers = _answers(model, drafts, latents * scale, timestep.flatten())
    denoised = skip * latents + out * answers
    moved = _moved(model, drafts, lines, latents, denoised)
    for draft, estimate, (latent, anchor) in zip(drafts, denoised, moved, strict=True):
        draft.latent, draft.anchor = latent, anchor
        draft.before, draft.earlier = estimate, draft.before
        draft.step += 1


def _moved(
    model: SdxlModel, drafts: Sequence[Draft], lines: Sequence[Step], latents: Tensor, denoised: Tensor
) -> Tensor:
    """(drafts, 2, channels, height, width): each draft's next latent and anchor, by its own solver's weights."""
    fresh = [
        noise(draft.generator, draft.latent.shape, model) if line.is_noisy else torch.zeros_like(draft.latent)
        for draft, line in zip(drafts, lines, strict=True)
    ]
    before = torch.stack([draft.before for draft in drafts])
    earlier = torch.stack([draft.earlier for draft in drafts])
    anchor = torch.stack([draft.anchor for draft in drafts])
    six = torch.stack([latents, denoised, before, earlier, anchor, torch.stack(fresh)], dim=1)
    weights = _on(model.device, [(line.latent, line.anchor) for line in lines])
    return torch.einsum("dos,dschw->dochw", weights, six)


def _on(device: torch.device, numbers: Sequence[Any]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float32).to(device)


def _answers(model: SdxlModel, drafts: Sequence[Draft], inputs: Tensor, timesteps: Tensor) -> Tensor:
    """The UNet's answer for each draft, (drafts, channels, height, width) in float32, guidance applied."""
    guided = [index for index, draft in enumerate(drafts) if draft.negative is not None]
    owners = [*range(len(drafts)), *guided]  # row -> draft: all the positive rows, then the negative ones
    negatives = [draft.negative for draft in drafts if draft.negative is not None]
    embeddings, mask, pooled = stack([*(draft.positive for draft in drafts), *negatives])
    time_ids = torch.tensor([drafts[owner].time_ids for owner in owners], dtype=model.dtype, device=model.device)
    rows = model.unet(
        inputs[owners].to(model.dtype),
        timesteps[owners],
        embeddings,
        encoder_attention_mask=mask,
        added_cond_kwargs={"text_embeds": pooled, "time_ids": time_ids},
        return_dict=False,
    )[0].float()
    positive, negative = rows[: len(drafts)], rows[len(drafts) :]
    if not guided:
        return positive
    scale = torch.tensor([drafts[index].guidance for index in guided], device=model.device)[:, None, None, None]
    answers = positive.clone()
    answers[guided] = negative + scale * (positive[guided] - negative)
    return answers


@torch.inference_mode()
def decode(model: SdxlModel, drafts: Sequence[Draft]) -> Tensor:
    """The pictures of finished drafts: (drafts, height, width, 3) uint8 on the CPU; converted on the device."""
    latents = torch.stack([draft.latent for draft in drafts]) / model.vae.config.scaling_factor
    pictures = model.vae.decode(latents.to(model.vae.dtype), return_dict=False)[0].float()
    levels = ((pictures / 2 + 0.5).clamp(0, 1) * 255).round()
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu()
