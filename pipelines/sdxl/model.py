"""A loaded SDXL model: the parts that every task kind of the family shares."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer


@dataclass(frozen=True, slots=True)
class SdxlModel:
    """Everything is on `device` and in eval mode; in `dtype`, but for a VAE that would overflow in it.

    scheduler: the dict of scheduler_config.json. zero_empty_prompt: an empty negative prompt means conditioning of
    zeros, as model_index.json's force_zeros_for_empty_prompt says; else it is read like any other prompt.
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
