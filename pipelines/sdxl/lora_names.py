"""Which module of an SDXL model a key of a LoRA file means: diffusers', kohya's and the original layout's names.

Keys look like `unet.down_blocks.1.attentions.0.proj_in.lora_A.weight` (diffusers and peft) or
`lora_unet_input_blocks_4_1_proj_in.lora_down.weight` (kohya-ss, whose names have underscores for dots and often the
blocks of Stability AI's generative-models).
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from diffusers import UNet2DConditionModel
from torch import nn

KOHYA_PARTS = {"lora_unet_": "unet", "lora_te1_": "text_encoder", "lora_te2_": "text_encoder_2"}
ROLES = {
    ".lora_A.weight": "down",
    ".lora.down.weight": "down",
    ".lora_down.weight": "down",
    ".lora_B.weight": "up",
    ".lora.up.weight": "up",
    ".lora_up.weight": "up",
    ".alpha": "alpha",
}
RESNET = {
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
STEM = {
    "conv_in": "input_blocks.0.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.?(.*)")
MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)\.?(.*)")


class Place(NamedTuple):
    """part: unet, text_encoder or text_encoder_2. module: its name inside that part. role: down, up or alpha."""

    part: str
    module: str
    role: str


def place_of(key: str, known: Mapping[str, Mapping[str, str]]) -> Place | None:
    """Where a key of the file belongs; None for one that fits no module. known: see `module_names`."""
    suffix = next((suffix for suffix in ROLES if key.endswith(suffix)), None)
    if suffix is None:
        return None
    name = key.removesuffix(suffix)
    for prefix, part in [*KOHYA_PARTS.items(), *((f"{part}.", part) for part in known)]:
        if name.startswith(prefix):
            module = known[part].get(_flat(name.removeprefix(prefix).replace(".processor.", ".")))
            return Place(part, module, ROLES[suffix]) if module else None
    return None


def module_names(parts: Mapping[str, nn.Module]) -> dict[str, dict[str, str]]:
    """Part -> every name that a LoRA may have for a module, underscores for dots -> the module's name."""
    known: dict[str, dict[str, str]] = {}
    for part, module in parts.items():
        names = [name for name, each in module.named_modules() if isinstance(each, nn.Linear | nn.Conv2d)]
        known[part] = {_flat(alias): name for name in names for alias in _aliases(name, module)}
    return known


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _aliases(name: str, part: nn.Module) -> list[str]:
    if isinstance(part, UNet2DConditionModel):
        return [name, name.replace("to_out.0", "to_out"), original_name(name, part)]
    inner = name.removeprefix("text_model.")  # transformers has had both
    return [inner, f"text_model.{inner}"]


def original_name(name: str, unet: UNet2DConditionModel) -> str:
    """The name of a UNet's module in the original layout, by the order in which its blocks are numbered there."""
    layers = unet.config.layers_per_block + 1
    if match := BLOCK.fullmatch(name):
        way, block, kind, layer, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
        if kind == "downsamplers":
            return f"input_blocks.{(block + 1) * layers}.0.op"
        if kind == "upsamplers":
            has_attention = "CrossAttn" in unet.config.up_block_types[block]
            return f"output_blocks.{block * layers + layers - 1}.{2 if has_attention else 1}.conv"
        number = block * layers + layer + (1 if way == "down" else 0)
        blocks = "input_blocks" if way == "down" else "output_blocks"
        inner = RESNET.get(rest, rest) if kind == "resnets" else rest
        return f"{blocks}.{number}.{0 if kind == 'resnets' else 1}.{inner}"
    if match := MIDDLE.fullmatch(name):
        kind, layer, rest = match[1], int(match[2]), match[3]
        number, inner = (2 * layer, RESNET.get(rest, rest)) if kind == "resnets" else (1, rest)
        return f"middle_block.{number}.{inner}"
    return STEM.get(name, name)
