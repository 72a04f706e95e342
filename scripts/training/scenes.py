"""Scenes for networks that find things: one to three shapes anywhere, on plain or patterned ground, and masks."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from math import hypot
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.demo.draw import shape_mask
from pipelines.demo.world import COLOURS, HELD_OUT_MODULUS, SHAPES

Ground = NDArray[np.float32]  # (side, side, 3), levels
Colour = NDArray[np.float32]

RADII = (0.13, 0.33)  # of a thing alone, as shares of the side, as in the world; of several:
RADII_TOGETHER = (0.13, 0.2)
APART = 70.0  # RGB distance at least between a thing and what is behind it
GRAIN = 40.0  # levels, the deviation of noise


@dataclass(frozen=True, slots=True)
class Found:
    """One thing of a scene, with the truth about where it is. mask: L, antialiased."""

    colour: str
    shape: str
    mask: Image.Image

    @property
    def name(self) -> str:
        return f"{self.colour} {self.shape}"


def plain(first: Colour, _: Colour, side: int, __: np.random.Generator) -> Ground:
    return np.broadcast_to(first, (side, side, 3)).copy()


def stripes(first: Colour, second: Colour, side: int, random: np.random.Generator) -> Ground:
    return _mixed(first, second, _along(side, random) % 1 < 0.5)


def checks(first: Colour, second: Colour, side: int, random: np.random.Generator) -> Ground:
    period = side / random.uniform(3, 10)
    x, y = (np.arange(side) + random.uniform(0, side, 2)[:, None]) // period
    return _mixed(first, second, (x[None, :] + y[:, None]) % 2)


def gradient(first: Colour, second: Colour, side: int, random: np.random.Generator) -> Ground:
    way = _along(side, random)
    return _mixed(first, second, (way - way.min()) / np.ptp(way))


def noise(first: Colour, _: Colour, side: int, random: np.random.Generator) -> Ground:
    """Grain of one pixel or of several."""
    cells = max(2, int(side / random.choice([1, 2, 4, 8])))
    grain = random.normal(0, GRAIN * random.uniform(0.3, 1), (cells, cells, 3)).clip(-127, 127) + 128
    coarse = Image.fromarray(grain.astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    return (first + np.asarray(coarse, dtype=np.float32) - 128).clip(0, 255)


GROUNDS: dict[str, Callable[[Colour, Colour, int, np.random.Generator], Ground]] = {
    "plain": plain, "stripes": stripes, "checks": checks, "gradient": gradient, "noise": noise,
}  # fmt: skip


def scene(
    random: Random, side: int, count: int, ground: str = "plain", *, held_out: bool
) -> tuple[Image.Image, list[Found]]:
    """A picture of side x side pixels, RGB, with `count` things of different colours that do not touch.

    held_out: one in twenty of the combinations of words is never drawn for training, but for the judge.
    """
    while True:
        behind = random.sample(sorted(COLOURS), 2)
        colours = random.sample([name for name in sorted(COLOURS) if _differs(name, behind)], count)
        shapes = [random.choice(SHAPES) for _ in colours]
        if _is_held_out([ground, *behind, *colours, *shapes]) == held_out:
            break
    first, second = (_colour(name) for name in behind)
    picture = GROUNDS[ground](first, second, side, np.random.default_rng(random.getrandbits(32)))
    things = []
    for colour, shape, (centre, radius) in zip(colours, shapes, _spots(random, side, count), strict=True):
        mask = shape_mask(shape, side, side, centre, radius)
        picture = _mixed(picture, _colour(colour), np.asarray(mask, dtype=np.float32) / 255)
        things.append(Found(colour, shape, mask))
    return Image.fromarray(np.rint(picture).astype(np.uint8)), things


def _colour(name: str) -> Colour:
    return np.array(COLOURS[name], dtype=np.float32)


def _is_held_out(words: list[str]) -> bool:
    return int.from_bytes(hashlib.sha256(" ".join(words).encode()).digest()[:8]) % HELD_OUT_MODULUS == 0


def _differs(name: str, behind: list[str]) -> bool:
    """Whether a colour is far from both that are behind it and from all between them, as a gradient has them."""
    first, second = (_colour(each) for each in behind)
    between = first + np.linspace(0, 1, 9, dtype=np.float32)[:, None] * (second - first)
    return bool(np.linalg.norm(between - _colour(name), axis=1).min() >= APART)


def _spots(random: Random, side: int, count: int) -> list[tuple[tuple[float, float], float]]:
    """Centres and radii in pixels; circles that lie inside the picture and apart. Starts again where it got stuck."""
    low, high = RADII if count == 1 else RADII_TOGETHER
    while True:
        spots = list[tuple[tuple[float, float], float]]()
        for _ in range(count):
            radius = random.uniform(low, high) * side
            centre = (random.uniform(radius, side - radius), random.uniform(radius, side - radius))
            if all(hypot(centre[0] - x, centre[1] - y) > radius + other + 1 for (x, y), other in spots):
                spots.append((centre, radius))
        if len(spots) == count:
            return spots


def _along(side: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(side, side): how far along a random direction each pixel lies, in periods of a random length."""
    angle, periods = random.uniform(0, np.pi), random.uniform(2, 10)
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    return (x * np.cos(angle) + y * np.sin(angle)) / side * periods + random.uniform(0, 1) + periods


def _mixed(first: Ground, second: Colour, share: NDArray[np.generic]) -> Ground:
    """`first` where the share, (side, side), is 0, and `second` where it is 1."""
    return np.asarray(first + share[..., None].astype(np.float32) * (second - first), dtype=np.float32)
