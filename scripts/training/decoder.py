"""After the VAE and the UNet the VAE's decoder alone, which learns to read small things from the latents there are.

The encoder and the space of its latents stay, and with them all that is trained on top of it.
"""

from random import Random
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn

from pipelines.demo.captions import sentence
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, random_scene
from pipelines.sdxl.prompts import TextEncoders, stack
from training.text2image import levels
from training.vae import edge_error, to_tensor

# Pictures a step by their size, and how often each size comes.
NARROW = {(160, 96): 8, (96, 160): 8, (144, 112): 8, (112, 144): 8}
SIZES = NARROW | {(128, 128): 8, (64, 64): 24, (192, 192): 4, (256, 256): 2}
SHARES = (0.2, 0.18, 0.17, 0.17, 0.14, 0.06, 0.04, 0.04)
PAIR_SHARE = 0.15
SMALL_SHARE = 0.8  # of things alone: they are what a decoder gets wrong
NOISE = 0.1  # at most, beside latents of unit variance
REDRAWN = 0.6  # of the batches are latents as the UNet draws them: not quite what the encoder gives
OTHER_WORDS = 0.3  # of those are drawn with another scene's words, but so little that the picture is still what it was
OWN_STRENGTH, OTHER_STRENGTH = 0.5, 0.1  # at most
STEPS = 3
GUIDANCE = 2.5
NEAR_EDGES = 8.0  # how much more a pixel near an edge weighs than one that is not
REACH = 9  # pixels, the window around an edge


class DecoderStage:
    name = "decoder"
    learning_rate = 1e-3
    averaging = 0.99

    def __init__(
        self, vae: AutoencoderKL, unet: UNet2DConditionModel, encoders: TextEncoders, device: torch.device
    ) -> None:
        self.vae = vae.to(device, memory_format=torch.channels_last).requires_grad_(False)
        self.unet = unet.to(device, memory_format=torch.channels_last).requires_grad_(False)
        self.encoders, self.device = encoders, device
        self.signal, self.noise = levels(device)
        self.module: nn.Module = nn.ModuleDict({"decoder": vae.decoder, "post_quant_conv": vae.post_quant_conv})
        self.module.requires_grad_(True)

    def loss(self, random: Random, done: float) -> Tensor:
        """As of the VAE, but that pixels near edges weigh more: in all, a small thing as much as a big one."""
        (width, height), count = random.choices(list(SIZES.items()), SHARES)[0]
        scenes = [_scene(random) for _ in range(count)]
        batch = to_tensor([draw_scene(scene, width, height, random) for scene in scenes]).to(self.device)
        with torch.no_grad():
            latent = self.vae.encode(batch).latent_dist.mode() * self.vae.config.scaling_factor
            if random.random() < REDRAWN:
                latent = self.redrawn(latent, scenes, random)
            latent = latent + NOISE * torch.rand(count, 1, 1, 1, device=self.device) * torch.randn_like(latent)
        error = self.vae.decode(latent / self.vae.config.scaling_factor).sample.float() - batch
        weights = near_edges(batch)
        return (weights * (error.abs() + 4 * error**2)).mean() + edge_error(error * weights)

    def redrawn(self, latent: Tensor, scenes: list[Scene], random: Random) -> Tensor:
        """As image-to-image draws it anew, in guided steps of DDIM (Song et al., 2021)."""
        own = random.random() >= OTHER_WORDS
        told = scenes if own else [*scenes[1:], scenes[0]]
        conditioning = self._told([sentence(scene, random) for scene in told], latent)
        start = random.uniform(0.02, OWN_STRENGTH if own else OTHER_STRENGTH) * len(self.signal)
        noise, clean = torch.randn_like(latent), latent
        for step in (round(start * left / STEPS) for left in range(STEPS, 0, -1)):
            noisy = self.signal[step] * clean + self.noise[step] * noise
            velocity = self._velocity(noisy, step, conditioning)
            clean = self.signal[step] * noisy - self.noise[step] * velocity
            noise = self.noise[step] * noisy + self.signal[step] * velocity
        return clean

    def _told(self, captions: list[str], latent: Tensor) -> dict[str, Any]:
        """What the UNet is told of the captions, and after them of as many empty ones."""
        count, height, width = len(captions), 8 * latent.shape[2], 8 * latent.shape[3]
        embeddings, mask, pooled = stack(self.encoders.read([*captions, *[""] * count]))
        size = torch.tensor([[height, width, 0, 0, height, width]], device=self.device).expand(2 * count, -1)
        return {
            "encoder_hidden_states": embeddings,
            "encoder_attention_mask": mask,
            "added_cond_kwargs": {"text_embeds": pooled, "time_ids": size},
        }

    def _velocity(self, noisy: Tensor, step: int, conditioning: dict[str, Any]) -> Tensor:
        answer: Tensor = self.unet(torch.cat([noisy, noisy]), step, **conditioning).sample.float()
        asked, free = answer.chunk(2)
        return free + GUIDANCE * (asked - free)


def near_edges(pictures: Tensor) -> Tensor:
    """(n, 1, h, w) of mean 1 in each picture, of (n, 3, h, w)."""
    across, down = torch.zeros_like(pictures), torch.zeros_like(pictures)
    across[..., 1:], down[..., 1:, :] = pictures.diff(dim=-1), pictures.diff(dim=-2)
    steep = ((across.abs() + down.abs()).amax(dim=1, keepdim=True) > 0.05).float()
    weights = 1 + NEAR_EDGES * nn.functional.max_pool2d(steep, REACH, stride=1, padding=REACH // 2)
    return weights / weights.mean(dim=(1, 2, 3), keepdim=True)


def _scene(random: Random) -> Scene:
    if random.random() < PAIR_SHARE:
        return random_scene(random, held_out=False, pair=True)
    small = random.random() < SMALL_SHARE
    while True:
        scene = random_scene(random, held_out=False)
        if not small or scene.things[0].size == "small":
            return scene
