"""ControlNets from disk: a folder in diffusers' format, or one .safetensors file with diffusers' names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from pipelines.errors import WeightsRefused
from pipelines.sdxl.loading import NOT_WHOLE, weight_file
from pipelines.weights import check_folder, check_safetensors

SHARED = ("cross_attention_dim", "addition_embed_type", "projection_class_embeddings_input_dim")  # with the UNet
HINT = "controlnet_cond_embedding"


def load_controlnet(
    path: Path, unet: UNet2DConditionModel, device: torch.device, dtype: torch.dtype
) -> ControlNetModel:
    """The ControlNet in the folder or the file `path`. A file has no config: it is then made as one for `unet` is.

    Raises WeightsRefused where it is not whole, or no ControlNet for such a UNet.
    """
    try:
        net = _from_folder(path, dtype) if path.is_dir() else _from_file(path, unet, dtype)
    except WeightsRefused as error:
        raise WeightsRefused(error.sentence, field="controls") from error
    except (*NOT_WHOLE, OSError) as error:
        raise _refused() from error
    return net.to(device).eval().requires_grad_(False)


def check_fits(net: ControlNetModel, unet: UNet2DConditionModel) -> None:
    """Raises WeightsRefused where the ControlNet was made for another kind of UNet."""
    alike = all(getattr(net.config, name) == getattr(unet.config, name) for name in SHARED)
    adds = [conv.out_channels for conv in (*net.controlnet_down_blocks, net.controlnet_mid_block)]
    if not alike or adds != encoder_widths(unet) or net.config.global_pool_conditions:
        raise _refused()


def encoder_widths(unet: UNet2DConditionModel) -> list[int]:
    """Channels of what the layers of the encoder give to the decoder, the middle block's last."""
    blocks, layers = unet.config.block_out_channels, unet.config.layers_per_block
    widths = [blocks[0]]
    for index, block in enumerate(blocks):
        halving = [block] if index < len(blocks) - 1 else []
        widths += [block] * layers + halving
    return [*widths, blocks[-1]]


def _from_folder(folder: Path, dtype: torch.dtype) -> ControlNetModel:
    check_folder(folder)
    variant = "fp16" if weight_file(folder).stem.endswith(".fp16") else None
    local: dict[str, Any] = {"variant": variant, "local_files_only": True, "use_safetensors": True}
    net, report = ControlNetModel.from_pretrained(folder, dtype=dtype, output_loading_info=True, **local)
    if report["missing_keys"] or report["unexpected_keys"]:
        raise _refused()
    return net


def _from_file(file: Path, unet: UNet2DConditionModel, dtype: torch.dtype) -> ControlNetModel:
    check_safetensors(file)
    weights = {name: tensor.to(dtype) for name, tensor in load_file(file).items()}
    with torch.device("meta"):  # its weights come from the file: none are made for it first
        usual = ControlNetModel.from_unet(unet, load_weights_from_unet=False)
        own = {"in_channels": weights["conv_in.weight"].shape[1], "conditioning_embedding_out_channels": _hint(weights)}
        net = ControlNetModel.from_config(usual.config, **own)
    net.load_state_dict(weights, assign=True)
    return net


def _hint(weights: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Channels of the layers that read the control picture: each but the first of a pair keeps its size."""
    widths = [len(weights[f"{HINT}.conv_in.weight"])]
    while (name := f"{HINT}.blocks.{2 * len(widths) - 1}.weight") in weights:
        widths.append(len(weights[name]))
    return tuple(widths)


def _refused() -> WeightsRefused:
    return WeightsRefused("This ControlNet is not whole, or made for another kind of model.", field="controls")
