"""Another colour for a part of a picture, which keeps its light and shade; and masks that reach further."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pipelines.colours import Colour
from pipelines.errors import TaskRefused

Levels = NDArray[np.float32]

BLACK, WHITE = 0.0, 100.0  # of L*
MOST_DILATION = 256  # pixels
TINT_BLUR = 128  # of the longer side: outlines that moved a little keep their colour


def recoloured(image: Image.Image, mask: Image.Image, colour: Colour) -> Image.Image:
    """RGB, or RGBA as it was: what the mask marks in the colour, as strongly as the mask is bright there.

    In L*a*b* (CIE 1976), where L* is lightness: what is as light as the part is on average gets the colour itself;
    what is darker or lighter by so much stays so, and fades towards black or white as shades and lights do. A part
    that is empty changes nothing. mask: L. Raises TaskRefused where it is not of the picture's size.
    """
    _check_size(image, mask)
    share = _levels(mask)[..., None]
    if not share.any():
        return image.copy()
    pixels = _levels(image.convert("RGB"))
    painted = _painted(_lab(pixels), share, _lab(_levels(Image.new("RGB", (1, 1), colour)))[0, 0])
    mixed = pixels + share * (cv2.cvtColor(painted, cv2.COLOR_LAB2RGB) - pixels)
    result = Image.fromarray(np.rint(mixed * 255).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        result.putalpha(image.convert("RGBA").getchannel("A"))
    return result


def tinted(image: Image.Image, like: Image.Image) -> Image.Image:
    """RGB: how light each pixel of `image` is, in the colour that is there in `like`, of its size, slightly blurred.

    In L*a*b* (CIE 1976): L* of the one, a* and b* of the other.
    """
    near = like.convert("RGB").filter(ImageFilter.GaussianBlur(max(like.size) / TINT_BLUR))
    lightness = _lab(_levels(image.convert("RGB")))[..., :1]
    mixed = np.concatenate([lightness, _lab(_levels(near))[..., 1:]], axis=-1)
    levels = np.asarray(cv2.cvtColor(mixed, cv2.COLOR_LAB2RGB))
    return Image.fromarray(np.rint(levels * 255).clip(0, 255).astype(np.uint8))


def dilated(mask: Image.Image, pixels: int) -> Image.Image:
    """The mask, L, with all that is within so many pixels of what it marks (half bright or more) marked too.

    Raises TaskRefused where `pixels` is out of range.
    """
    if not 0 <= pixels <= MOST_DILATION:
        raise TaskRefused(f"dilation must be from 0 to {MOST_DILATION} pixels.", field="dilation")
    levels = np.asarray(mask)
    outside = (levels < 128).astype(np.uint8)
    if not pixels or outside.all():
        return mask.copy()
    near = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= pixels
    return Image.fromarray(np.where(near, np.uint8(255), levels))


def _painted(lab: Levels, share: Levels, target: Levels) -> Levels:
    mean = float((lab[..., :1] * share).sum() / share.sum())
    lightness = (lab[..., :1] - mean + target[0]).clip(BLACK, WHITE)
    shade = lightness / max(float(target[0]), 1e-3)
    light = (WHITE - lightness) / max(WHITE - float(target[0]), 1e-3)
    fade = np.minimum(shade, light).clip(0, 1)
    return np.concatenate([lightness, fade * target[1:]], axis=-1).astype(np.float32)


def _levels(image: Image.Image) -> Levels:
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def _lab(rgb: Levels) -> Levels:
    """(h, w, 3) of 0..1 to L*, 0..100, a* and b*."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), dtype=np.float32)


def _check_size(image: Image.Image, mask: Image.Image) -> None:
    if image.size != mask.size:
        raise TaskRefused("The mask must be as wide and as high as the picture.", field="mask")
