"""Stage 6: an IP-Adapter for the shapes model, `shapes-ip`: the colours of a picture for what the words ask for.

As a real one looks through CLIP's eyes, which others have trained, so does this: its image encoder first learns to tell
colours, and is frozen. Then it learns what to add to the pooled vector (`ip_pooled`). The adapter begins with the
UNet's own keys and values of words, as its makers' do.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.embeddings import ImageProjection
from PIL import Image
from rich.progress import track
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from pipelines.demo.captions import LITTLE_NOISE, caption, drown, sentence
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import COLOURS, Scene, random_scene
from pipelines.sdxl.attention import Pictures, cross_attentions, let_look, widths
from pipelines.sdxl.ip_adapter import IpAdapter, Pooled
from pipelines.sdxl.ip_files import POOLED, load_ip_adapter, pooled_width
from training.captions import DROPPED_CAPTIONS
from training.folder import save_whole
from training.text2image import BUCKETS, Bucket, Latents, Text2ImageStage
from training.vae import to_tensor

MODEL, ENCODER = "shapes-ip", "image_encoder"
FILE = f"{MODEL}.safetensors"
SCENES = 4000
NO_PICTURE = 0.1  # of the lessons, so that guidance works
NAMED = 0.25  # of the captions: they say the picture's colours themselves
LEARNT_AT = 2.0  # scale of keys and values: at 1 they then leave alone what colours a prompt names (docs/shapes.md)
SIDE, TOKENS = 64, 4
HIDDEN = 256  # between a picture's embedding and what it adds to the pooled vector
LOOKS = 48  # pictures that the encoder sees at once
# Captions that leave the colours to the picture, and tell place and size where they are not the usual ones.
COLOURLESS_FORMS = ("{a_size_shape} {place}", "{a_size_shape} {place}", "{size} {shape}, {place}")
SHAPE_FORMS = ("a {shape}", "{shape}")
USUAL = 0.5  # of the scenes: a medium thing in the middle


def new_adapter(unet: UNet2DConditionModel) -> IpAdapter:
    """Of plain IP-Adapter's form, for `unet`: 1.5 million numbers, half of them in the image encoder."""
    config = CLIPVisionConfig(
        hidden_size=128,
        intermediate_size=384,
        projection_dim=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=8,
    )
    width, own = unet.config.cross_attention_dim, widths(unet)
    projection = ImageProjection(config.projection_dim, width, TOKENS)
    keys, values = (nn.Linear(width, sum(own), bias=False) for _ in range(2))
    with torch.no_grad():
        keys.weight.copy_(torch.cat([attention.to_k.weight for attention in cross_attentions(unet)]))
        values.weight.copy_(torch.cat([attention.to_v.weight for attention in cross_attentions(unet)]))
    pooled = Pooled(config.projection_dim, HIDDEN, pooled_width(unet))
    return IpAdapter(CLIPVisionModelWithProjection(config), projection, keys, values, own, pooled)


def adapter_of(home: Path, unet: UNet2DConditionModel) -> IpAdapter:
    """The committed one, to be trained further, else a new one."""
    folder = home / MODEL
    if not (folder / FILE).is_file():
        return new_adapter(unet)
    adapter = load_ip_adapter(folder / FILE, folder / ENCODER, unet, torch.device("cpu"), torch.float32)
    return adapter.train().requires_grad_(True)


@torch.no_grad()
def plain_latents(vae: AutoencoderKL, device: torch.device, count: int = SCENES) -> Latents:
    """Single things in all colours, half of them medium in the middle, and their latents, (count, 4, 16, 16)."""
    vae.eval().to(device)
    bucket, random, parts = BUCKETS[0], Random("like pictures"), list[Tensor]()
    scenes = [_scene(random) for _ in range(count)]
    for start in track(range(0, count, 32), "drawing scenes"):
        pictures = [draw_scene(scene, bucket.width, bucket.height, random) for scene in scenes[start : start + 32]]
        parts.append(vae.encode(to_tensor(pictures).to(device)).latent_dist.mode().float().cpu())
    return {bucket: (scenes, torch.cat(parts) * vae.config.scaling_factor)}


def _scene(random: Random) -> Scene:
    scene = random_scene(random, held_out=False)
    usual = replace(scene, things=(replace(scene.things[0], size="medium", place="middle"),))
    return usual if random.random() < USUAL and not usual.is_held_out else scene


def reference_of(scene: Scene, random: Random) -> Image.Image:
    """Another picture in the same colours: whatever shape, size and place."""
    other = random_scene(random, held_out=False).things[0]
    thing = replace(other, colour=scene.things[0].colour)
    return draw_scene(replace(scene, things=(thing,)), SIDE, SIDE, random)


def likeness_caption(scene: Scene, random: Random, named: float = NAMED) -> str:
    """What is to be seen and where; a share of `named` says the colours too. Empty now and then."""
    if random.random() < DROPPED_CAPTIONS:
        return ""
    if random.random() < named:
        return caption(scene, random)
    return drown(colourless_sentence(scene, random), random, random.choice(LITTLE_NOISE))


def colourless_sentence(scene: Scene, random: Random) -> str:
    (thing,) = scene.things
    is_usual = (thing.size, thing.place) == ("medium", "middle")
    return sentence(scene, random, random.choice(SHAPE_FORMS if is_usual else COLOURLESS_FORMS))


class EyesStage:
    """The image encoder learns to tell the colours of thing and ground. The heads are thrown away."""

    name = "ip_eyes"
    learning_rate = 1e-3
    averaging = 0.98

    def __init__(self, adapter: IpAdapter, device: torch.device) -> None:
        self.adapter, self.device = adapter.to(device), device
        self.heads = nn.Linear(adapter.encoder.config.projection_dim, 2 * len(COLOURS))
        self.module: nn.Module = nn.ModuleDict({"encoder": adapter.encoder, "heads": self.heads}).to(device)

    def loss(self, random: Random, done: float) -> Tensor:
        scenes = [random_scene(random, held_out=False) for _ in range(LOOKS)]
        names = list(COLOURS)
        truth = torch.tensor(
            [[names.index(scene.things[0].colour), names.index(scene.background)] for scene in scenes],
            device=self.device,
        )
        pixels = self.adapter.pixels_of([draw_scene(scene, SIDE, SIDE, random) for scene in scenes])
        told = self.heads(self.adapter.embedded(pixels)[0]).unflatten(1, (2, -1))
        return nn.functional.cross_entropy(told.flatten(0, 1).float(), truth.flatten())


class IpAdapterStage(Text2ImageStage):
    """The same loss as the UNet's, with a picture of the same colours, for keys and values; nothing else moves.

    Nearly all noise: colours are decided there, and what is left of the picture says nothing of them.
    """

    name = "ip_adapter"
    learning_rate = 2e-3
    averaging = 0.995
    school = 1.0  # one picture size all the time
    noise_bias = 0.15

    def __init__(
        self,
        adapter: IpAdapter,
        unet: UNet2DConditionModel,
        text_encoder: CLIPTextModel,
        text_encoder_2: CLIPTextModelWithProjection,
        tokenizers: tuple[CLIPTokenizer, CLIPTokenizer],
        latents: Latents,
        device: torch.device,
    ) -> None:
        let_look(unet)
        super().__init__(unet, text_encoder, text_encoder_2, tokenizers, latents, device)
        unet.requires_grad_(False)
        self.adapter = adapter.to(device)
        self.adapter.encoder.requires_grad_(False)
        assert adapter.pooled is not None
        adapter.pooled.requires_grad_(False)  # it has learnt from words what no picture tells as well
        self.module, self.pictures = self.adapter, Random("references")

    def caption(self, scene: Scene, random: Random, long: bool) -> str:
        return likeness_caption(scene, random)

    def _velocity(
        self, noisy: Tensor, step: Tensor, captions: list[str], bucket: Bucket, chosen: Sequence[int]
    ) -> Tensor:
        embeddings, mask, conditioning = self._told(captions, bucket)
        scenes, _ = self.latents[bucket]
        references = [reference_of(scenes[index], self.pictures) for index in chosen]
        looked, added = self._looked(references, conditioning["text_embeds"])
        conditioning["text_embeds"] = conditioning["text_embeds"] + added
        unet = self.compiled if mask is None else self.unet
        velocity: Tensor = unet(
            noisy,
            step,
            embeddings,
            encoder_attention_mask=mask,
            added_cond_kwargs=conditioning,
            cross_attention_kwargs={"ip_hidden_states": (looked,)},
        ).sample
        return velocity

    def _looked(self, references: list[Image.Image], pooled: Tensor) -> tuple[Pictures, Tensor]:
        """What is seen of them, and what they add; a few rows see nothing, as negative rows do."""
        assert self.adapter.pooled is not None
        embedded, nothing = self.adapter.embedded(self.adapter.pixels_of(references))
        without = (torch.rand(len(embedded), device=self.device) < NO_PICTURE)[:, None]
        keys, values = self.adapter.shown(torch.where(without, nothing, embedded))
        added = self.adapter.pooled(embedded, pooled) * ~without
        scale = torch.full((len(keys),), LEARNT_AT, device=self.device, dtype=keys.dtype)
        return Pictures(keys, values, scale), added


def save(adapter: IpAdapter, home: Path) -> Path:
    """Into the folder MODEL of `home`, as IP-Adapter's makers publish theirs, fp16; the adapter's own file."""
    folder = home / MODEL
    adapter.half()
    names = {"image_embeds": "proj", "norm": "norm"}
    weights = {}
    for name, tensor in adapter.projection.state_dict().items():
        layer, part = name.split(".")
        weights[f"image_proj.{names[layer]}.{part}"] = tensor
    for each, whole in (("k", adapter.keys.weight), ("v", adapter.values.weight)):
        for index, layer in enumerate(whole.split(adapter.widths)):
            weights[f"ip_adapter.{2 * index + 1}.to_{each}_ip.weight"] = layer.detach().clone()
    assert adapter.pooled is not None
    weights |= {f"{POOLED}{name}": tensor for name, tensor in adapter.pooled.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / FILE, metadata={"title": "Shapes like a picture", "base": "shapes-xl"})
    save_whole(folder / ENCODER, adapter.encoder)
    return folder / FILE
