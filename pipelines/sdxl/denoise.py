"""A tick: one forward pass of the UNet over the rows of many drafts, then each draft's own sampler step."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pipelines.engine.pipeline import Pad
from pipelines.sdxl.controlnet import residuals
from pipelines.sdxl.draft import Draft, Row
from pipelines.sdxl.image_prompts import pictures
from pipelines.sdxl.model import Inputs, SdxlModel
from pipelines.sdxl.prompts import stack
from pipelines.sdxl.start import noise


@torch.inference_mode()
def tick(model: SdxlModel, drafts: Sequence[Draft], pad: Pad | None = None) -> None:
    """Move every draft one step on. They share the model and the latent size, and nothing else.

    pad: how many rows the UNet is given for those that are needed; then prompts of different lengths have passes of
    their own, so that its shapes are few and a row never feels how long its neighbours' prompts are.
    """
    latents = torch.stack([draft.latent for draft in drafts])
    lines = [draft.line for draft in drafts]
    scalars = [(line.timestep, line.scale, line.skip, line.out) for line in lines]
    timestep, scale, skip, out = _on(model.device, scalars)[:, :, None, None, None].unbind(1)
    answers = _answers(model, drafts, latents * scale, timestep.flatten(), pad)
    denoised = skip * latents + out * answers
    moved = _moved(model, drafts, latents, denoised)
    held = [_held(draft, latent) for draft, latent in zip(drafts, moved[:, 0], strict=True)]
    for draft, estimate, latent, anchor in zip(drafts, denoised, held, moved[:, 1], strict=True):
        draft.step += 1
        draft.latent, draft.anchor = latent, anchor
        draft.before, draft.earlier = estimate, draft.before


def _held(draft: Draft, latent: Tensor) -> Tensor:
    """The next latent, outside its mask that of the original."""
    return draft.original.blended(latent, draft.table.sigma(draft.step + 1)) if draft.original else latent


def _moved(model: SdxlModel, drafts: Sequence[Draft], latents: Tensor, denoised: Tensor) -> Tensor:
    """(drafts, 2, channels, height, width): each draft's next latent and anchor, by its own solver's weights."""
    fresh = [
        noise(draft.generator, draft.latent.shape, model) if draft.line.is_noisy else torch.zeros_like(draft.latent)
        for draft in drafts
    ]
    before = torch.stack([draft.before for draft in drafts])
    earlier = torch.stack([draft.earlier for draft in drafts])
    anchor = torch.stack([draft.anchor for draft in drafts])
    six = torch.stack([latents, denoised, before, earlier, anchor, torch.stack(fresh)], dim=1)
    weights = _on(model.device, [(draft.line.latent, draft.line.anchor) for draft in drafts])
    return torch.einsum("dos,dschw->dochw", weights, six)


def _on(device: torch.device, numbers: Sequence[Any]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float32).to(device)


def _answers(model: SdxlModel, drafts: Sequence[Draft], inputs: Tensor, timesteps: Tensor, pad: Pad | None) -> Tensor:
    """The UNet's answer for each draft, (drafts, channels, height, width) in float32, guidance applied."""
    samples = [row for index, draft in enumerate(drafts) for row in draft.samples(index)]
    rows = sorted(samples, key=lambda row: row.branch)
    answers = _passes(model, drafts, inputs, timesteps, rows, pad)
    weighted = answers * _on(model.device, [row.weight for row in rows])[:, None, None, None]
    positive, combined = answers[: len(drafts)], weighted[: len(drafts)]
    for branch in range(1, rows[-1].branch + 1):  # one after the other: sums of three numbers depend on their order
        places = [place for place, row in enumerate(rows) if row.branch == branch]
        combined[[rows[place].draft for place in places]] += weighted[places]
    if guided := [index for index, draft in enumerate(drafts) if draft.is_guided]:
        rescale = _on(model.device, [drafts[index].guidance.rescale for index in guided])[:, None, None, None]
        combined[guided] = _rescaled(combined[guided], positive[guided], rescale)
    return combined


def _passes(
    model: SdxlModel, drafts: Sequence[Draft], inputs: Tensor, timesteps: Tensor, rows: Sequence[Row], pad: Pad | None
) -> Tensor:
    if pad is None:
        return _forward(model, drafts, inputs, timesteps, rows)
    answers = torch.empty(len(rows), *inputs.shape[1:], device=model.device)
    lengths = [len(row.told.embeddings) for row in rows]
    for length in sorted(set(lengths)):
        indices = [index for index, each in enumerate(lengths) if each == length]
        answers[indices] = _forward(model, drafts, inputs, timesteps, [rows[index] for index in indices], pad)
    return answers


def _forward(
    model: SdxlModel,
    drafts: Sequence[Draft],
    inputs: Tensor,
    timesteps: Tensor,
    rows: Sequence[Row],
    pad: Pad | None = None,
) -> Tensor:
    """(rows, channels, height, width) in float32."""
    padded = [*rows, *[rows[-1]] * (pad(len(rows)) - len(rows) if pad else 0)]
    owners = [row.draft for row in padded]
    embeddings, mask, pooled = stack([row.told for row in padded])
    latents = inputs[owners]
    seen = [row.seen for row in padded]
    if seen[0] is not None:  # an inpaint UNet, or one that edits: then every draft has it
        latents = torch.cat([latents, torch.stack([extra for extra in seen if extra is not None])], dim=1)
    time_ids = torch.tensor([drafts[owner].time_ids for owner in owners], dtype=model.dtype, device=model.device)
    given = Inputs(latents.to(model.dtype), timesteps[owners], embeddings, mask, pooled, time_ids)
    given = given._replace(residuals=residuals(drafts, rows, given, pad), pictures=pictures(drafts, padded))
    return model.answer(given)[: len(rows)].float()


def _rescaled(guided: Tensor, positive: Tensor, share: Tensor) -> Tensor:
    """Towards the positive answer's standard deviation (Lin et al., 2023, arXiv 2305.08891, equations 15 and 16)."""
    dims = (1, 2, 3)
    matched = guided * (positive.std(dim=dims, keepdim=True) / guided.std(dim=dims, keepdim=True))
    return share * matched + (1 - share) * guided
