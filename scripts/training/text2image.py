"""Stage 3: the UNet, on latents of scenes that are drawn once. The text encoders read already and are not touched."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from rich.progress import track
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, Thing, random_scene
from pipelines.sdxl.prompts import TextEncoders, stack
from training.captions import training_caption
from training.precision import autocast
from training.text import TEXT_WIDTH
from training.vae import to_tensor

LONG_BATCHES = 0.1
PAIR_SHARE = 0.25  # of the scenes
PAIR_LESSONS = 0.3  # of the batches of the first size are pairs alone: they are learnt last
USUAL_SHARE = 0.15  # scenes with a medium thing in the middle, for captions that say neither
NOISE_BIAS = 0.7  # exponent of a uniform number: 1 is no bias, smaller is more noise
SCHOOL = 0.0  # of the time, for single things in one picture size alone: shapes are the hardest and come from there

SCHEDULER = {
    "_class_name": "EulerDiscreteScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
    "interpolation_type": "linear",
    "use_karras_sigmas": False,
    "steps_offset": 1,
}


@dataclass(frozen=True, slots=True)
class Bucket:
    """Scenes of one picture size. scenes: how many are drawn; share: of the batches; batch: pictures a step.

    small: how many of its batches are small things alone, whose shapes are lost first.
    """

    width: int
    height: int
    scenes: int
    share: float
    batch: int
    small: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.width}x{self.height}"


BUCKETS = (
    Bucket(128, 128, 16000, 0.36, 32),
    Bucket(160, 96, 5000, 0.11, 32),
    Bucket(96, 160, 5000, 0.11, 32),
    Bucket(144, 112, 2500, 0.17, 32, small=0.6),
    Bucket(112, 144, 2500, 0.11, 32, small=0.6),
    Bucket(192, 192, 2000, 0.05, 16),
    Bucket(64, 64, 2000, 0.05, 48),
    Bucket(256, 256, 600, 0.04, 8),
)


Latents = dict[Bucket, tuple[list[Scene], Tensor]]


def new_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(64, 128, 192),
        layers_per_block=1,
        transformer_layers_per_block=(1, 1, 2),
        attention_head_dim=(2, 4, 6),
        cross_attention_dim=2 * TEXT_WIDTH,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=TEXT_WIDTH + 6 * 32,
        norm_num_groups=16,
    )


class Text2ImageStage:
    name = "text2image"
    learning_rate = 1e-3
    averaging = 0.999
    school = SCHOOL
    noise_bias = NOISE_BIAS

    def __init__(
        self,
        unet: UNet2DConditionModel,
        text_encoder: CLIPTextModel,
        text_encoder_2: CLIPTextModelWithProjection,
        tokenizers: tuple[CLIPTokenizer, CLIPTokenizer],
        latents: Latents,
        device: torch.device,
    ) -> None:
        self.module: nn.Module = unet.to(device, memory_format=torch.channels_last)
        self.unet = unet
        self.compiled: Any = torch.compile(unet)  # 0.34 s a step, not 0.57, on a CPU; two minutes once for each shape
        self.encoders = TextEncoders(text_encoder.to(device), text_encoder_2.to(device), *tokenizers)
        self.latents, self.device = latents, device
        scenes, _ = latents[BUCKETS[0]]
        self.singles = [index for index, scene in enumerate(scenes) if scene.relation is None]
        self.pairs = [index for index, scene in enumerate(scenes) if scene.relation is not None]
        self.small = {bucket: _small_singles(scenes) for bucket, (scenes, _) in latents.items()}
        self.signal, self.noise = levels(device)

    def loss(self, random: Random, done: float) -> Tensor:
        """Mean squared error of the velocity, v = signal * noise - noise level * latent (Salimans and Ho, 2022)."""
        bucket, candidates = self._lesson(random, done)
        scenes, latents = self.latents[bucket]
        chosen = random.sample(candidates, bucket.batch)
        # Long captions keep to batches of their own: the others then need neither a second chunk nor a mask.
        long = random.random() < LONG_BATCHES
        captions = [self.caption(scenes[index], random, long) for index in chosen]
        latent = latents[chosen].to(self.device)
        # More often at high noise: only there does the model depend on the caption, below it sees what it draws.
        step = (1000 * torch.rand(bucket.batch, device=self.device) ** self.noise_bias).long().clamp(max=999)
        noise = torch.randn_like(latent)
        signal_level, noise_level = self.signal[step][:, None, None, None], self.noise[step][:, None, None, None]
        with _attention(self.device):
            velocity = self._velocity(signal_level * latent + noise_level * noise, step, captions, bucket, chosen)
        return nn.functional.mse_loss(velocity.float(), signal_level * noise - noise_level * latent)

    def _lesson(self, random: Random, done: float) -> tuple[Bucket, Sequence[int]]:
        """A picture size, and which of its scenes to choose from."""
        if done < self.school:
            return BUCKETS[0], self.singles
        bucket = random.choices(BUCKETS, [bucket.share for bucket in BUCKETS])[0]
        if bucket is BUCKETS[0] and random.random() < PAIR_LESSONS:
            return bucket, self.pairs
        if random.random() < bucket.small:
            return bucket, self.small[bucket]
        return bucket, range(bucket.scenes)

    def caption(self, scene: Scene, random: Random, long: bool) -> str:
        return training_caption(scene, random, long)

    def _told(self, captions: list[str], bucket: Bucket) -> tuple[Tensor, Tensor | None, dict[str, Tensor]]:
        """What the UNet is told of a batch: the captions' embeddings, their mask, and the rest by its names for it."""
        with torch.no_grad():
            embeddings, mask, pooled = stack(self.encoders.read(captions))
        size = torch.tensor([[bucket.height, bucket.width, 0, 0, bucket.height, bucket.width]], device=self.device)
        return embeddings, mask, {"text_embeds": pooled, "time_ids": size.expand(bucket.batch, -1)}

    def _velocity(
        self, noisy: Tensor, step: Tensor, captions: list[str], bucket: Bucket, chosen: Sequence[int]
    ) -> Tensor:
        embeddings, mask, conditioning = self._told(captions, bucket)
        unet = self.compiled if bucket is BUCKETS[0] and mask is None else self.unet  # the shape that comes most
        answer = unet(noisy, step, embeddings, encoder_attention_mask=mask, added_cond_kwargs=conditioning)
        velocity: Tensor = answer.sample
        return velocity


def _small_singles(scenes: Sequence[Scene]) -> list[int]:
    return [index for index, scene in enumerate(scenes) if scene.relation is None and scene.things[0].size == "small"]


def levels(device: torch.device) -> tuple[Tensor, Tensor]:
    """How much signal and how much noise there is at each of the 1,000 training steps."""
    schedule = DDPMScheduler.from_config({**SCHEDULER, "_class_name": "DDPMScheduler"})
    return schedule.alphas_cumprod.sqrt().to(device), (1 - schedule.alphas_cumprod).sqrt().to(device)


def _attention(device: torch.device) -> AbstractContextManager[Any]:
    """On a CPU the backward pass of fused attention is slower than plain products: 0.59 s a step, not 0.43."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def scene_latents(vae: AutoencoderKL, cache: Path, device: torch.device) -> Latents:
    """Every bucket's scenes with their latents, (scenes, 4, height / 8, width / 8) of unit variance.

    Drawing and encoding takes minutes, so the latents are kept in the safetensors file `cache`.
    """
    scenes = {bucket: bucket_scenes(bucket) for bucket in BUCKETS}
    if cache.is_file():
        kept = load_file(cache)
    else:
        kept = {bucket.name: _draw_latents(vae, bucket, scenes[bucket], device) for bucket in BUCKETS}
        save_file(kept, cache)
    return {bucket: (scenes[bucket], kept[bucket.name]) for bucket in BUCKETS}


@torch.no_grad()
def _draw_latents(vae: AutoencoderKL, bucket: Bucket, scenes: list[Scene], device: torch.device) -> Tensor:
    vae.eval().to(device)
    random, parts = Random(bucket.name), []
    for start in track(range(0, len(scenes), 32), f"drawing {bucket.name}"):
        images = [draw_scene(scene, bucket.width, bucket.height, random) for scene in scenes[start : start + 32]]
        with autocast(device):
            parts.append(vae.encode(to_tensor(images).to(device)).latent_dist.mode().float().cpu())
    return torch.cat(parts).contiguous() * vae.config.scaling_factor


def bucket_scenes(bucket: Bucket) -> list[Scene]:
    """The scenes of a bucket, the same ones at every run; none is one of the judge's."""
    random = Random(bucket.name)
    return [_training_scene(random) for _ in range(bucket.scenes)]


def _training_scene(random: Random) -> Scene:
    if random.random() < PAIR_SHARE:
        return random_scene(random, held_out=False, pair=True)
    scene = random_scene(random, held_out=False)
    if random.random() < USUAL_SHARE:
        (thing,) = scene.things
        usual = Scene(scene.background, (Thing(thing.colour, thing.shape, "medium", "middle"),))
        return scene if usual.is_held_out else usual
    return scene
