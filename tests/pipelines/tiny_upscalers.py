"""Networks with few weights, most of ESRGAN's architecture (RRDBNet), some of which do what is known beforehand."""

from pathlib import Path

import pipelines.torchvision_ops  # noqa: F401  # before spandrel

import torch
from safetensors.torch import save_file
from spandrel.architectures.Compact import Compact
from spandrel.architectures.ESRGAN import ESRGAN
from torch import nn

Weights = dict[str, torch.Tensor]


def random_network(scale: int = 2, channels: int = 3, seed: int = 0) -> Weights:
    """Sees far: its residual blocks do something."""
    torch.manual_seed(seed)
    return weights_of(ESRGAN(in_nc=channels, out_nc=channels, num_filters=4, num_blocks=1, scale=scale))


def folding_network() -> Weights:
    """As Real-ESRGAN's x2plus: four pixels become one of twelve channels first."""
    return weights_of(ESRGAN(in_nc=12, num_filters=4, num_blocks=1, scale=4, shuffle_factor=2))


def compact_network() -> Weights:
    """Of another architecture, that of Real-ESRGAN's networks for video and for general scenes."""
    return weights_of(Compact(num_feat=4, num_conv=1, upscale=4))


def near_sighted_network(scale: int = 2) -> Weights:
    """Random, but its residual blocks do nothing: a pixel depends on those within 3 of the picture's pixels."""
    weights = random_network(scale)
    return {name: value * 0 if name.startswith("model.1.sub.1.") else value for name, value in weights.items()}


def repeating_network(scale: int = 2) -> Weights:
    """Gives each pixel scale x scale times: every convolution outside the silent residual blocks hands on its input."""
    network = ESRGAN(num_filters=3, num_blocks=1, scale=scale)
    for name, part in network.named_modules():
        if isinstance(part, nn.Conv2d):
            nn.init.zeros_(part.bias)
            nn.init.zeros_(part.weight) if name.startswith("model.1.sub.") else nn.init.dirac_(part.weight)
    return weights_of(network)


def weights_of(network: nn.Module) -> Weights:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def saved(weights: Weights, folder: Path) -> Path:
    file = folder / "tiny.safetensors"
    save_file(weights, file)
    return file
