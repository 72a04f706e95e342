"""Pictures that can be laid side by side: a model whose convolutions go on at the other edge where a picture ends."""

import copy
from dataclasses import replace
from itertools import chain
from typing import TypeVar

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

from torch import nn

from pipelines.errors import TaskRefused
from pipelines.sdxl.model import Plain, SdxlModel
from pipelines.sdxl.tuned import is_streamed

Network = TypeVar("Network", bound=nn.Module)


def seamless(model: SdxlModel) -> SdxlModel:
    """The model with UNet and VAE of this kind, on the same weights. It is not compiled.

    Raises TaskRefused where the weights stream through the device: what moves them knows only the model itself.
    """
    if is_streamed(model.unet):
        told = "The device has too little memory to draw seamless pictures with this model; leave `seamless` out."
        raise TaskRefused(told, field="seamless")
    unet = _wrapping(model.unet)
    return replace(model, unet=unet, vae=_wrapping(model.vae), answer=Plain(unet), seamless=True)


def _wrapping(network: Network) -> Network:
    """A twin, since another thread may be compiling the network itself; their weights are the same tensors."""
    shared = {id(tensor): tensor for tensor in chain(network.parameters(), network.buffers())}
    twin = copy.deepcopy(network, shared)
    for layer in twin.modules():
        if isinstance(layer, nn.Conv2d):
            layer.padding_mode = "circular"
    return twin
