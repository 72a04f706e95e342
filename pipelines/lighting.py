"""Light that comes from a side, and the light of another picture, painted on pixels before a model draws over them."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Levels = NDArray[np.float32]

STOPS = 1.5  # at full strength so much brighter where the light comes from, and so much darker at the other end
GAMMA = 2.2  # of sRGB, nearly: light is multiplied, not its code


def lit_from(image: Image.Image, direction: str, strength: float) -> Image.Image:
    """The picture, RGB or RGBA, brighter where the light comes from, see LIGHT_DIRECTIONS, and darker away from it."""
    along = np.linspace(1, -1, image.width if direction in ("left", "right") else image.height, dtype=np.float32)
    if direction in ("right", "below"):
        along = along[::-1]
    ramp = along[None, :, None] if direction in ("left", "right") else along[:, None, None]
    return _with_alpha_of(image, _levels(image) * 2 ** (STOPS * strength * ramp / GAMMA))


def lit_like(image: Image.Image, reference: Image.Image, strength: float) -> Image.Image:
    """The picture, RGB or RGBA, its mean lightness and tint moved that far, 0 to 1, towards those of the reference.

    In L*a*b* (CIE 1976), the means alone of what Reinhard et al. transfer (2001, doi 10.1109/38.946629): their spreads
    are what is shown, not how it is lit. What is transparent does not count.
    """
    own, other = _lab(image), _lab(reference.convert("RGB"))
    weights = np.asarray(image.getchannel("A"), np.float32) if image.mode == "RGBA" else np.ones(own.shape[:2])
    if not weights.any():
        return image.copy()
    shift = other.reshape(-1, 3).mean(axis=0) - np.average(own.reshape(-1, 3), axis=0, weights=weights.flatten())
    moved = (own + strength * shift).astype(np.float32)
    return _with_alpha_of(image, np.asarray(cv2.cvtColor(moved, cv2.COLOR_LAB2RGB), np.float32))


def _levels(image: Image.Image) -> Levels:
    return np.asarray(image.convert("RGB"), np.float32) / np.float32(255)


def _lab(image: Image.Image) -> Levels:
    return np.asarray(cv2.cvtColor(_levels(image), cv2.COLOR_RGB2LAB), np.float32)


def _with_alpha_of(image: Image.Image, levels: Levels) -> Image.Image:
    result = Image.fromarray(np.rint(levels.clip(0, 1) * 255).astype(np.uint8))
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    return result
