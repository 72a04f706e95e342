"""IP-Adapters for tests: files as their makers publish them, with random weights, and a tiny image encoder."""

from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from pipelines.sdxl.attention import widths

SIDE = 32  # pixels that the encoder sees
STATES, EMBEDDING = 64, 24  # widths inside the encoder and after it
LAYERS = (("0.to_q", 1, 1), ("0.to_kv", 2, 1), ("0.to_out", 1, 1), ("1.1", 4, 1), ("1.3", 1, 4))  # of a "plus" adapter
QUERIES = 6  # tokens of a picture, of a "plus" adapter
FILES = ("adapter.safetensors", "image_encoder/config.json", "image_encoder/model.safetensors")


def entry(name: str) -> dict[str, Any]:
    """Of models.yaml."""
    files = [{"path": path} for path in FILES]
    said = {"id": name, "name": name, "kind": "ip-adapter", "description": "Random weights.", "files": files}
    return said | {"licence": "Apache-2.0", "dtype": "float32"}


def save_ip_adapter(folder: Path, unet: UNet2DConditionModel, seed: int, *, plus: bool = False) -> None:
    """In `folder`, with weights that change a picture, but leave it one."""
    torch.manual_seed(seed)
    config = CLIPVisionConfig(
        hidden_size=STATES,
        intermediate_size=2 * STATES,
        projection_dim=EMBEDDING,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=8,
    )
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")
    width = unet.config.cross_attention_dim
    weights = {f"image_proj.{name}": each for name, each in (_plus if plus else _plain)(width).items()}
    for index, inner in enumerate(widths(unet)):
        for each, much in (("k", 1), ("v", 3)):
            weights[f"ip_adapter.{2 * index + 1}.to_{each}_ip.weight"] = much * torch.randn(inner, width) / width**0.5
    save_file(weights, folder / "adapter.safetensors")


def _plain(width: int) -> dict[str, Tensor]:
    layers = {"proj.weight": torch.randn(4 * width, EMBEDDING), "proj.bias": torch.randn(4 * width) / 4}
    return layers | _norm("norm", width)


def _plus(width: int) -> dict[str, Tensor]:
    layers = {"latents": torch.randn(1, QUERIES, STATES)} | _norm("norm_out", width)
    layers |= {"proj_in.weight": torch.randn(STATES, STATES) / 8, "proj_in.bias": torch.zeros(STATES)}
    layers |= {"proj_out.weight": torch.randn(width, STATES) / 8, "proj_out.bias": torch.zeros(width)}
    for depth in range(4):
        place = f"layers.{depth}"
        for norm in ("0.norm1", "0.norm2", "1.0"):
            layers |= _norm(f"{place}.{norm}", STATES)
        for name, rows, columns in LAYERS:
            layers[f"{place}.{name}.weight"] = torch.randn(rows * STATES, columns * STATES) / (columns * STATES) ** 0.5
    return layers


def _norm(name: str, width: int) -> dict[str, Tensor]:
    return {f"{name}.weight": torch.ones(width), f"{name}.bias": torch.zeros(width)}
