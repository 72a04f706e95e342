"""A disc on grounds of several kinds, with the truth about where it is."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

RED = (220, 40, 40)
SKY, SAND = np.float32([40, 80, 220]), np.float32([245, 215, 50])
GROUNDS = ("plain", "stripes", "checks", "gradient", "noise")
SUPERSAMPLING = 4


def disc(ground: str, width: int, height: int) -> tuple[Image.Image, Image.Image]:
    """A red disc in the middle with an antialiased edge, RGB; and its mask, L."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    share: NDArray[np.generic] = {
        "plain": np.zeros_like(x),
        "stripes": x // 12 % 2,
        "checks": (x // 16 + y // 16) % 2,
        "gradient": 0.4 * x / width,
        "noise": np.random.default_rng(1).uniform(0, 0.3, x.shape),
    }[ground]
    behind = Image.fromarray(np.rint(SKY + share[..., None] * (SAND - SKY)).astype(np.uint8))
    large = Image.new("L", (width * SUPERSAMPLING, height * SUPERSAMPLING))
    middle, radius = (large.width / 2, large.height / 2), 0.3 * min(large.size)
    ImageDraw.Draw(large).circle(middle, radius, fill=255)
    mask = large.reduce(SUPERSAMPLING)
    return Image.composite(Image.new("RGB", (width, height), RED), behind, mask), mask


def iou(mask: Image.Image, truth: Image.Image) -> float:
    """Intersection over union of what is more there than not."""
    one, other = (np.asarray(each) >= 128 for each in (mask, truth))
    return float((one & other).sum() / max(1, (one | other).sum()))
