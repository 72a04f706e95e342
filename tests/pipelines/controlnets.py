"""ControlNets for tests: of the true architecture, as before their training but that they do add something."""

from pathlib import Path

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from safetensors.torch import save_file
from torch import nn

STRENGTH = 0.05  # of the weights that are zero before a training: the picture becomes another one, and stays one


def random_controlnet(unet: UNet2DConditionModel, seed: int) -> ControlNetModel:
    torch.manual_seed(seed)
    net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 16, 16))
    for conv in (*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out):
        nn.init.normal_(conv.weight, std=STRENGTH)
    return net.float().eval()


def save_controlnet(net: ControlNetModel, file: Path) -> None:
    """In one file, which says nothing of its config."""
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, file)
