"""Filters that change each pixel by itself: light, colour, and how many levels there are. RGB in, RGB out.

Where W3C's Filter Effects Module Level 1 has a filter of the name, it means the same here, except that hue turns in
HSV: there a red turned by 120 degrees is a green, which the matrix of that page only comes near to.
"""

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

MIDDLE = 127.5
# The matrix of `sepia()` in Filter Effects Module Level 1, rows R, G and B of the result, with the row of Pillow's 12.
SEPIA = (0.393, 0.769, 0.189, 0, 0.349, 0.686, 0.168, 0, 0.272, 0.534, 0.131, 0)


def brightness(picture: Image.Image, value: float) -> Image.Image:
    """Every channel times `value`."""
    return ImageEnhance.Brightness(picture).enhance(value)


def contrast(picture: Image.Image, value: float) -> Image.Image:
    """Every channel's distance from the middle gray times `value`."""
    return picture.point([_level(MIDDLE + value * (level - MIDDLE)) for level in range(256)] * 3)


def saturation(picture: Image.Image, value: float) -> Image.Image:
    """Every pixel's distance from its own gray times `value`."""
    return ImageEnhance.Color(picture).enhance(value)


def hue(picture: Image.Image, degrees: float) -> Image.Image:
    """Colours turned around the wheel of HSV: red by 120 degrees is green, by 240 blue."""
    wheel = cv2.cvtColor(np.asarray(picture, dtype=np.float32) / 255, cv2.COLOR_RGB2HSV)
    wheel[..., 0] = (wheel[..., 0] + degrees) % 360
    turned = cv2.cvtColor(wheel, cv2.COLOR_HSV2RGB)
    return Image.fromarray(np.rint(turned * 255).clip(0, 255).astype(np.uint8))


def grayscale(picture: Image.Image) -> Image.Image:
    """Luma of ITU-R BT.601, as everywhere in Pillow."""
    return picture.convert("L").convert("RGB")


def sepia(picture: Image.Image, intensity: float) -> Image.Image:
    return Image.blend(picture, picture.convert("RGB", SEPIA), intensity)


def invert(picture: Image.Image) -> Image.Image:
    return ImageOps.invert(picture)


def posterize(picture: Image.Image, levels: int) -> Image.Image:
    """Only `levels` levels a channel, evenly spread from black to white."""
    gaps = levels - 1
    return picture.point([_level(round(level / 255 * gaps) / gaps * 255) for level in range(256)] * 3)


def _level(value: float) -> int:
    return min(max(round(value), 0), 255)
