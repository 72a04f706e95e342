"""Pictures to latents and back: the VAE's side of a drawing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from pipelines.engine.pieces import give_back_memory
from pipelines.sdxl.model import SdxlModel
from pipelines.tasks import Raster

PREVIEW_LATENTS = 32  # on the longer side: a picture of 256 pixels


def reduction(model: SdxlModel) -> int:
    """Pixels of a picture for one of its latent, along a side."""
    return int(2 ** (len(model.vae.config.block_out_channels) - 1))


def pixels_of(image: Image.Image, model: SdxlModel) -> Tensor:
    """(3, height, width) in float32 from -1 to 1, on the model's device."""
    levels = torch.from_numpy(np.array(image)).to(model.device)
    return levels.permute(2, 0, 1).float() / 127.5 - 1


@torch.inference_mode()
def encode(model: SdxlModel, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the latent of (3, height, width) pixels from -1 to 1.

    Both (channels, height / 8, width / 8), in float32, scaled.
    """
    longest = max(pixels.shape[1:]) // reduction(model)
    moments = in_memory(model, longest, lambda: model.vae.encode(pixels[None].to(model.vae.dtype)).latent_dist)
    scale = model.vae.config.scaling_factor
    return moments.mean[0].float() * scale, moments.std[0].float() * scale


@torch.inference_mode()
def decode(model: SdxlModel, latents: Tensor) -> Tensor:
    """(pictures, height, width, 3) uint8 on the CPU, of (pictures, channels, height / 8, width / 8) scaled latents.

    Converted on the device: a quarter of the bytes is copied. A single picture that the memory does not hold is decoded
    in tiles; for several, torch.OutOfMemoryError is raised: they want to be fewer first.
    """

    def work() -> Tensor:
        unscaled = latents / model.vae.config.scaling_factor
        pictures = model.vae.decode(unscaled.to(model.vae.dtype), return_dict=False)[0].float()
        levels = ((pictures / 2 + 0.5).clamp(0, 1) * 255).round()
        return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()

    return _fetched(work() if len(latents) > 1 else in_memory(model, max(latents.shape[2:]), work))


def in_memory(model: SdxlModel, longest: int, work: Callable[[], Any]) -> Any:
    """What `work` does with the VAE; where there is no memory for it, once more in tiles of a quarter of the area.

    longest: side of the picture in latent positions. Tiles overlap and are blended, so that no seam is seen.
    """
    try:
        return work()
    except torch.OutOfMemoryError:
        if model.seamless:
            raise  # each tile would go on at its own other edge
        # and leave: the error's frames would hold on to the memory that is wanted back
    give_back_memory()
    tile = -(-longest // 8) * 4  # half, rounded up to a multiple of 4: a quarter of it, the overlap, has to be whole
    model.vae.tile_latent_min_size, model.vae.tile_sample_min_size = tile, tile * reduction(model)
    model.vae.enable_tiling()
    try:
        return work()
    finally:
        model.vae.disable_tiling()


def _fetched(levels: Tensor) -> Tensor:
    """On the CPU; by way of pinned memory, into which CUDA copies without a detour."""
    if levels.device.type != "cuda":
        return levels.cpu()
    return torch.empty(levels.shape, dtype=levels.dtype, pin_memory=True).copy_(levels)


@torch.inference_mode()
def preview(model: SdxlModel, latent: Tensor) -> Raster:
    """What a latent, (channels, height / 8, width / 8), shows: decoded small, so that it costs a fraction of a picture.

    A plane through the latents' colours would be cheaper; it fits SDXL's VAE and misses that of the shapes by 34 levels
    of 255 on average.
    """
    longest = max(latent.shape[1:])
    if longest > PREVIEW_LATENTS:
        scale = PREVIEW_LATENTS / longest
        latent = interpolate(latent[None], scale_factor=scale, mode="area")[0]
    picture = decode(model, latent[None])[0]
    return Raster(picture.shape[1], picture.shape[0], picture.numpy().tobytes())
