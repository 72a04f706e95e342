"""Stage 5: `shapes-upscale`, ESRGAN's network (RRDBNet) that enlarges four times, on scenes drawn large."""

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.progress import track
from safetensors.torch import load_file, save_file
from spandrel.architectures.ESRGAN import ESRGAN
from torch import Tensor, nn

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import random_scene

SCALE = 4
SCENES, SIDE = 400, 384  # drawn once, and their sides in pixels
CROP = 24  # pixels a side of what the network sees
BATCH = 8
FLAT = 8.0  # levels of deviation below which a crop shows nothing
FLAT_SHARE = 0.1  # of such crops that are used all the same
PAIR_SHARE = 0.3
ANY_COLOURS = 0.5  # of the crops, in colours that the world does not have
FILTERS = (Image.Resampling.BOX, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)

Pair = tuple[Image.Image, Image.Image]


def new_network() -> nn.Module:
    network: nn.Module = ESRGAN(num_filters=32, num_blocks=2, scale=SCALE)
    return network


def read_network(file: Path) -> nn.Module:
    network = new_network()
    if file.is_file():
        network.load_state_dict({name: tensor.float() for name, tensor in load_file(file).items()})
    return network


def save_network(network: nn.Module, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, file, metadata={"format": "pt"})


class UpscaleStage:
    """Mean squared error, which is what PSNR measures (ESRGAN's network without its adversary, arXiv 1809.00219).

    In float32: in bfloat16 a value near 1 is half a level wide, and the edges were learnt three times as slowly.
    """

    name = "upscale"
    learning_rate = 1e-3
    averaging = 0.995

    def __init__(self, network: Any, device: torch.device) -> None:
        self.module: nn.Module = network.to(device, memory_format=torch.channels_last)
        self.device = device
        random = Random("upscale")
        scenes = [random_scene(random, held_out=False, pair=random.random() < PAIR_SHARE) for _ in range(SCENES)]
        self.pictures = [draw_scene(scene, SIDE, SIDE, random) for scene in track(scenes, "drawing large")]

    def loss(self, random: Random, done: float) -> Tensor:
        pairs = [self._pair(random) for _ in range(BATCH)]
        small, large = (_tensor([pair[side] for pair in pairs]).to(self.device) for side in (0, 1))
        with torch.autocast(self.device.type, enabled=False):
            return nn.functional.mse_loss(self.module(small), large)

    def _pair(self, random: Random) -> Pair:
        """A crop as the network is to see it, and as it ought to come out."""
        while True:
            picture, side = random.choice(self.pictures), CROP * SCALE
            left, top = random.randrange(SIDE - side), random.randrange(SIDE - side)
            large = picture.crop((left, top, left + side, top + side))
            if random.random() < ANY_COLOURS:
                large = _recoloured(large, random)
            if np.asarray(large).std(axis=(0, 1)).max() > FLAT or random.random() < FLAT_SHARE:
                return large.resize((CROP, CROP), random.choice(FILTERS)), large


def _recoloured(image: Image.Image, random: Random) -> Image.Image:
    """Each channel from and to any level, the ends among them."""
    ends = [[min(max(random.randint(-64, 319), 0), 255) for _ in range(2)] for _ in range(3)]
    return image.point([low + (high - low) * level // 255 for low, high in ends for level in range(256)])


def _tensor(images: list[Image.Image]) -> Tensor:
    """(n, 3, h, w) of values in 0..1."""
    array = np.stack([np.asarray(image, dtype=np.float32) for image in images]) / 255
    return torch.from_numpy(array).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
