"""A file as RestoreFormer's, but with few and random weights."""

import pipelines.torchvision_ops  # noqa: F401  # before spandrel

import torch
from spandrel.architectures.RestoreFormer import RestoreFormer
from torch import Tensor

from tests.pipelines.tiny_upscalers import weights_of


def restoreformer_weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    network = RestoreFormer(
        n_embed=8, embed_dim=32, ch=32, ch_mult=(1, 1, 1, 1, 1, 1), num_res_blocks=1, z_channels=32, head_size=8,
        double_z=False, attn_resolutions=(16,), resolution=512, in_channels=3, out_ch=3, dropout=0.0, enable_mid=True,
    )  # fmt: skip
    return weights_of(network)
