"""A loaded SDXL model: the parts that every task kind of the family shares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pipelines.sdxl.attention import Pictures


class Inputs(NamedTuple):
    """What the UNet is given for some rows, each field with the rows first.

    latents: (channels, height / 8, width / 8) each; embeddings, mask: see `prompts.stack`; pooled, time_ids: vectors.
    residuals: what ControlNets add to the outputs of the encoder's layers, from the first to the middle block's.
    pictures: what its cross attentions look at beside the prompt; see `attention`.
    """

    latents: Tensor
    timesteps: Tensor
    embeddings: Tensor
    mask: Tensor | None
    pooled: Tensor
    time_ids: Tensor
    residuals: tuple[Tensor, ...] | None = None
    pictures: tuple[Pictures, ...] | None = None


Answer = Callable[[Inputs], Tensor]  # of the UNet, in the shape of the latents that it draws


@dataclass(frozen=True, slots=True)
class Plain:
    """The UNet's answer, as diffusers computes it."""

    unet: Callable[..., Any]

    def __call__(self, inputs: Inputs) -> Tensor:
        answer: Tensor = self.unet(
            inputs.latents,
            inputs.timesteps,
            inputs.embeddings,
            encoder_attention_mask=inputs.mask,
            added_cond_kwargs={"text_embeds": inputs.pooled, "time_ids": inputs.time_ids},
            down_block_additional_residuals=inputs.residuals and inputs.residuals[:-1],
            mid_block_additional_residual=inputs.residuals and inputs.residuals[-1],
            cross_attention_kwargs=inputs.pictures and {"ip_hidden_states": inputs.pictures},
            return_dict=False,
        )[0]
        return answer


@dataclass(frozen=True, slots=True)
class SdxlModel:
    """Everything is on `device` and in eval mode; in `dtype`, but for a VAE that would overflow in it.

    scheduler: the dict of scheduler_config.json. zero_empty_prompt: an empty negative prompt means conditioning of
    zeros, as model_index.json's force_zeros_for_empty_prompt says; else it is read like any other prompt.
    answer: how the UNet is called; see `compiled` for a faster way. seamless: see the module of that name.
    """

    id: str
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    text_encoder_2: CLIPTextModelWithProjection
    tokenizer: CLIPTokenizer
    tokenizer_2: CLIPTokenizer
    scheduler: Mapping[str, Any]
    device: torch.device
    dtype: torch.dtype
    zero_empty_prompt: bool
    answer: Answer
    seamless: bool = False
