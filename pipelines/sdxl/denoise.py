"""A tick: one forward pass of the UNet over the rows of many drafts, then each draft's own sampler step."""

from collections.abc import Sequence
from dataclasses import astuple

import torch
from torch import Tensor

from pipelines.sdxl.draft import Draft
from pipelines.sdxl.model import SdxlModel
from pipelines.sdxl.prompts import stack


@torch.inference_mode()
def tick(model: SdxlModel, drafts: Sequence[Draft]) -> None:
    """Move every draft one step on. They share the model and the latent size, and nothing else."""
    latents = torch.stack([draft.latent for draft in drafts])
    before = torch.stack([draft.before for draft in drafts])
    timestep, scale, skip, out, keep, new, old = _coefficients(drafts, model.device)
    answers = _answers(model, drafts, latents * scale, timestep.flatten())
    denoised = skip * latents + out * answers
    moved = keep * latents + new * denoised + old * before
    for draft, latent, estimate in zip(drafts, moved, denoised, strict=True):
        draft.latent, draft.before = latent, estimate
        draft.step += 1


def _coefficients(drafts: Sequence[Draft], device: torch.device) -> tuple[Tensor, ...]:
    """Each draft's line of its table, as seven tensors of (drafts, 1, 1, 1)."""
    lines = torch.tensor([astuple(draft.table.steps[draft.step]) for draft in drafts], dtype=torch.float32)
    return lines.to(device)[:, :, None, None, None].unbind(1)


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
