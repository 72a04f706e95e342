"""A loaded SDXL model made ready for its device, as `Tuning` asks: memory format, attention, compiling, streaming."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
from diffusers import ControlNetModel
from diffusers.hooks import apply_group_offloading
from torch import nn

from pipelines.sdxl.compiled import swift
from pipelines.sdxl.model import SdxlModel
from pipelines.tuning import Tuning


def tuned(model: SdxlModel, tuning: Tuning) -> SdxlModel:
    """The model, which is on its device already, changed in place. On a CPU it stays as it is."""
    if model.device.type != "cuda":
        return model
    model.unet.to(memory_format=torch.channels_last)
    model.vae.to(memory_format=torch.channels_last)
    _choose_attention(model.unet, tuning)
    if compiles(tuning):
        return replace(model, answer=swift(model.unet, behind=tuning.compile == "auto"))
    return model


def streamed(model: SdxlModel, tuning: Tuning, device: torch.device) -> SdxlModel:
    """The model, which is in the host's memory, to be drawn with on `device`, where there is no room for all of it.

    Layer by layer the weights pass through, each copied while the one before it works. The VAE is small and stays.
    """
    _choose_attention(model.unet, tuning)
    for part in (model.unet, model.text_encoder, model.text_encoder_2):
        if not is_streamed(part):  # a part that another model brought may be
            _stream(part, device)
    model.vae.to(device)
    return replace(model, device=device)


def tuned_controlnet(net: ControlNetModel, tuning: Tuning, device: torch.device) -> ControlNetModel:
    """The ControlNet, changed in place: it is on `device`, or beside it and will be streamed. Never compiled."""
    if device.type != "cuda":
        return net
    _choose_attention(net, tuning)
    if net.device.type == device.type:  # one of them may know its number
        net.to(memory_format=torch.channels_last)
    else:
        _stream(net, device)
    return net


def is_streamed(part: nn.Module) -> bool:
    """Whether it lies on the host, and only passes through the device: diffusers leaves a mark on it."""
    return hasattr(part, "_diffusers_hook")


def compiles(tuning: Tuning) -> bool:
    """What swaps in later changes the last bits of a picture: a deterministic engine compiles at once or not at all."""
    return tuning.compile == "on" or (tuning.compile == "auto" and not tuning.deterministic)


def prepare_process(tuning: Tuning) -> None:
    """What holds for the whole process: call it once, before the first model is loaded."""
    torch.backends.cuda.matmul.allow_tf32 = tuning.tf32
    torch.backends.cudnn.allow_tf32 = tuning.tf32
    if tuning.folder is not None:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(tuning.folder) / "compiled"))


def _stream(part: Any, device: torch.device) -> None:
    apply_group_offloading(part, onload_device=device, offload_type="leaf_level", use_stream=True)


def _choose_attention(network: Any, tuning: Tuning) -> None:
    """Without a choice diffusers takes torch's scaled dot product attention. Raises where xformers is not there."""
    if tuning.attention == "xformers":
        network.enable_xformers_memory_efficient_attention()
