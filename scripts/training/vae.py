"""Stage 1: the VAE, SDXL's architecture at 2.5 million parameters: 8x reduction, 4 latent channels."""

from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor, nn

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import random_scene

CROP_SHARE = 0.6  # of the time: small crops around the things, where the edges are; then whole pictures
CROP = 64
CROPS = 32
WHOLE = {(128, 128): 8, (160, 96): 8, (96, 160): 8, (144, 112): 8, (192, 192): 4, (64, 64): 24, (256, 256): 2}
PAIR_SHARE = 0.3
KL_WEIGHT = 1e-4
EDGE_WEIGHT = 0.5


def new_vae() -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(24, 48, 96, 128),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=128,
        force_upcast=False,
    )


def pictures(random: Random, width: int, height: int, count: int) -> Tensor:
    """(count, 3, height, width) in -1 to 1: scenes of training combinations."""
    scenes = [random_scene(random, held_out=False, pair=random.random() < PAIR_SHARE) for _ in range(count)]
    return to_tensor([draw_scene(scene, width, height, random) for scene in scenes])


def to_tensor(images: list[Image.Image]) -> Tensor:
    array = np.stack([np.asarray(image, dtype=np.float32) for image in images]) / 127.5 - 1
    return torch.from_numpy(array).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


class VaeStage:
    name = "vae"
    learning_rate = 1.5e-3
    averaging = 0.99

    def __init__(self, vae: AutoencoderKL, device: torch.device) -> None:
        self.module: nn.Module = vae.to(device, memory_format=torch.channels_last)
        self.vae, self.device = vae, device

    def loss(self, random: Random, done: float) -> Tensor:
        batch = (_crops(random) if done < CROP_SHARE else _whole(random)).to(self.device)
        latent = self.vae.encode(batch).latent_dist
        drawn = self.vae.decode(latent.sample()).sample.float()
        error = drawn - batch
        kl = 0.5 * (latent.mean.float() ** 2 + latent.var.float() - 1 - latent.logvar.float()).mean()
        return error.abs().mean() + 4 * (error**2).mean() + EDGE_WEIGHT * edge_error(error) + KL_WEIGHT * kl


def edge_error(error: Tensor) -> Tensor:
    """Mean absolute difference of the gradients: what blur costs."""
    across = (error[..., 1:] - error[..., :-1]).abs().mean()
    down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    return across + down


def _whole(random: Random) -> Tensor:
    (width, height), count = random.choice(list(WHOLE.items()))
    return pictures(random, width, height, count)


def _crops(random: Random) -> Tensor:
    """Crops that hold an edge: the corner is drawn again while the crop is one flat colour."""
    crops = list[Image.Image]()
    while len(crops) < CROPS:
        scene = random_scene(random, held_out=False, pair=random.random() < PAIR_SHARE)
        picture = draw_scene(scene, 128, 128, random)
        for _ in range(4):
            left, top = random.randrange(0, 128 - CROP, 8), random.randrange(0, 128 - CROP, 8)
            crop = picture.crop((left, top, left + CROP, top + CROP))
            if len(crop.getcolors(CROP * CROP) or ()) > 1 or random.random() < 0.05:
                crops.append(crop)
                break
    return to_tensor(crops)


@torch.no_grad()
def set_scaling(vae: AutoencoderKL, device: torch.device) -> None:
    """scaling_factor = 1 / standard deviation of the latents, so that the UNet sees unit variance."""
    vae.eval().to(device)
    batch = pictures(Random(0), 128, 128, 128).to(device)
    latents = torch.cat([vae.encode(part).latent_dist.mode() for part in batch.split(16)])
    vae.register_to_config(scaling_factor=round(1 / latents.float().std().item(), 5))


@torch.no_grad()
def reconstruction_psnr(vae: AutoencoderKL, width: int, height: int, count: int = 32, seed: int = 1) -> float:
    """Mean PSNR in dB over held-out scenes, of uint8-range values: 10 log10(255^2 / MSE)."""
    random, device = Random(seed), next(vae.parameters()).device
    scenes = [random_scene(random, held_out=True, pair=index % 4 == 3) for index in range(count)]
    batch = to_tensor([draw_scene(scene, width, height, random) for scene in scenes]).to(device)
    values = []
    for picture in batch.split(1):
        drawn = vae.decode(vae.encode(picture).latent_dist.mode()).sample.clamp(-1, 1)
        mse = ((drawn - picture) * 127.5).float().square().mean()
        values.append(10 * torch.log10(255**2 / mse))
    return torch.stack(values).mean().item()
