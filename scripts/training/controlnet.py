"""Stage 5: a ControlNet for the shapes model, `shapes-control`: what is asked for is drawn where an outline says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from PIL import Image
from rich.progress import track
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pipelines.annotators import canny
from pipelines.demo.captions import LITTLE_NOISE, drown, sentence
from pipelines.demo.draw import SUPERSAMPLING, draw_scene, draw_thing
from pipelines.demo.world import COLOURS, Scene, random_scene
from training.captions import DROPPED_CAPTIONS, training_caption
from training.text2image import BUCKETS, Bucket, Text2ImageStage
from training.vae import to_tensor

SCENES = 8000
PAIRS = 0.15  # of the scenes
ANYWHERE = "anywhere"  # no place of the world: outlines lie where people draw them
FREE = 0.5  # of the single things lie anywhere, in any size
FREE_RADII = (0.12, 0.38)  # shares of the picture's side
UNNAMED = 0.6  # of the captions leave to the outline what it shows: shape, place and size
# Forms for those; "shape" and "object" stand for the name of the shape in most of them.
UNNAMED_FORMS = (
    "{a_colour_shape} on {a_background} background",
    "{a_colour_shape} on {a_background} background",
    "{a_colour_shape}, {background} background",
    "{colour} {shape} on {background}",
    "{a_colour_shape}",
)
NAMES = ("shape", "shape", "object", None)
LINE_WIDTHS = (1, 1, 2, 3, 3, 4, 5, 7)  # pixels, from an edge to a felt pen
GAPS = (0, 0, 1, 2, 4)  # in a line
GAP_SIDES = (3, 12)  # pixels
SMALLER = {
    "down_block_types": ("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
    "transformer_layers_per_block": (1, 1, 1),
    "conditioning_embedding_out_channels": (16, 32, 64, 96),
}


def new_controlnet(unet: UNet2DConditionModel) -> ControlNetModel:
    """The encoder of `unet`, but that it reads prompts only where it is coarsest: 9.5 MB in fp16, not 13.9.

    It begins with the weights of the UNet that it has a place for, and adds nothing yet.
    """
    whole = ControlNetModel.from_unet(unet, load_weights_from_unet=False)
    net = ControlNetModel.from_config(whole.config, **SMALLER)
    own = net.state_dict()
    net.load_state_dict(own | {name: tensor for name, tensor in unet.state_dict().items() if name in own})
    return net


@dataclass(frozen=True, slots=True)
class Outlined:
    """Scenes, their latents (scenes, 4, 16, 16), and the edges of their pictures (scenes, 128, 128), 1 or 0."""

    scenes: list[Scene]
    latents: Tensor
    edges: Tensor


@torch.no_grad()
def outlined_scenes(vae: AutoencoderKL, device: torch.device, count: int = SCENES) -> Outlined:
    """The same ones at every run; none is one of the judge's."""
    vae.eval().to(device)
    random = Random("outlines")
    scenes = [_scene(random) for _ in range(count)]
    latents, edges = list[Tensor](), list[Tensor]()
    for start in track(range(0, count, 32), "drawing outlines"):
        pictures = [picture_of(scene, BUCKETS[0], random) for scene in scenes[start : start + 32]]
        latents.append(vae.encode(to_tensor(pictures).to(device)).latent_dist.mode().float().cpu())
        edges += [torch.from_numpy(np.asarray(canny(picture))[..., 0] > 0).to(torch.uint8) for picture in pictures]
    return Outlined(scenes, torch.cat(latents) * vae.config.scaling_factor, torch.stack(edges))


def _scene(random: Random) -> Scene:
    scene = random_scene(random, held_out=False, pair=random.random() < PAIRS)
    if scene.relation is None and random.random() < FREE:
        (thing,) = scene.things
        return replace(scene, things=(replace(thing, place=ANYWHERE),))
    return scene


def picture_of(scene: Scene, bucket: Bucket, random: Random) -> Image.Image:
    (thing, *others) = scene.things
    if others or thing.place != ANYWHERE:
        return draw_scene(scene, bucket.width, bucket.height, random)
    background, size = COLOURS[scene.background], (bucket.width * SUPERSAMPLING, bucket.height * SUPERSAMPLING)
    canvas = Image.new("RGB", size, background)
    radius = min(bucket.width, bucket.height) * random.uniform(*FREE_RADII)
    centre = random.uniform(radius, bucket.width - radius), random.uniform(radius, bucket.height - radius)
    draw_thing(canvas, thing.shape, COLOURS[thing.colour], background, centre, radius)
    return canvas.reduce(SUPERSAMPLING)


def outline_caption(scene: Scene, random: Random) -> str:
    """Empty now and then; else often without shape, place and size, which the outline tells."""
    if random.random() < DROPPED_CAPTIONS:
        return ""
    if scene.relation is None and (scene.things[0].place == ANYWHERE or random.random() < UNNAMED):
        return drown(unnamed(scene, random), random, random.choice(LITTLE_NOISE))
    return training_caption(scene, random, long=False)


def unnamed(scene: Scene, random: Random) -> str:
    """ "a red shape on a white background", and the like."""
    (thing,) = scene.things
    called = replace(thing, place="middle", shape=random.choice(NAMES) or thing.shape)
    return sentence(replace(scene, things=(called,)), random, random.choice(UNNAMED_FORMS))


def drawn_by_hand(edges: Tensor, random: Random) -> Tensor:
    """(height, width) from 0 to 1: the edges, 1 or 0, in a line of any width, with gaps, hard or soft."""
    gapped = edges.float().clone()
    for y, x in random.choices(edges.nonzero().tolist() or [[0, 0]], k=random.choice(GAPS)):
        half = random.randint(*GAP_SIDES) // 2
        gapped[max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1] = 0
    width = random.choice(LINE_WIDTHS)
    line = nn.functional.max_pool2d(gapped[None], width, stride=1, padding=width // 2)
    line = line[:, : edges.shape[0], : edges.shape[1]]
    if random.random() < 0.5:
        line = nn.functional.avg_pool2d(line, 3, stride=1, padding=1)
    return line[0]


class ControlStage(Text2ImageStage):
    """The same loss as the UNet's, with the outline of each scene; only the ControlNet moves."""

    name = "controlnet"
    learning_rate = 5e-4
    averaging = 0.998
    school = 1.0  # one picture size all the time

    def __init__(
        self,
        net: ControlNetModel,
        unet: UNet2DConditionModel,
        text_encoder: CLIPTextModel,
        text_encoder_2: CLIPTextModelWithProjection,
        tokenizers: tuple[CLIPTokenizer, CLIPTokenizer],
        outlined: Outlined,
        device: torch.device,
    ) -> None:
        latents = {BUCKETS[0]: (outlined.scenes, outlined.latents)}
        super().__init__(unet, text_encoder, text_encoder_2, tokenizers, latents, device)
        self.singles = list(range(len(outlined.scenes)))  # pairs too
        unet.requires_grad_(False)
        self.module = net.to(device, memory_format=torch.channels_last)
        self.compiled_net: Any = torch.compile(net)
        self.edges, self.hand = outlined.edges, Random("hand")

    def caption(self, scene: Scene, random: Random, long: bool) -> str:
        return outline_caption(scene, random)  # never a long one: a ControlNet knows no mask for prompts

    def _velocity(
        self, noisy: Tensor, step: Tensor, captions: list[str], bucket: Bucket, chosen: Sequence[int]
    ) -> Tensor:
        embeddings, _, conditioning = self._told(captions, bucket)
        lines = torch.stack([drawn_by_hand(self.edges[index], self.hand) for index in chosen])
        hints = lines[:, None].expand(-1, 3, -1, -1).to(self.device)
        down, middle = self.compiled_net(
            noisy, step, embeddings, controlnet_cond=hints, added_cond_kwargs=conditioning, return_dict=False
        )
        velocity: Tensor = self.compiled(
            noisy,
            step,
            embeddings,
            added_cond_kwargs=conditioning,
            down_block_additional_residuals=tuple(down),
            mid_block_additional_residual=middle,
        ).sample
        return velocity
