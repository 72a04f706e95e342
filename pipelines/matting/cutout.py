"""From a picture to its foreground: the mask and who found it, its edge, the cut-out, and other backgrounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from pipelines.canvas import Box, fitted, in_rgb
from pipelines.colours import Colour
from pipelines.errors import TaskRefused
from pipelines.matting.edges import foreground_colours, guided, levels_of, pixels_of
from pipelines.matting.grabcut import grabcut_mask
from pipelines.matting.network import MattingNetwork
from pipelines.sizes import SizePlan
from pipelines.tasks import FITS, Edge

Levels = NDArray[np.float32]

SHARP = 2.0  # pixels that a smoothed edge is wide


@dataclass(frozen=True, slots=True)
class Matte:
    """mask: L of the picture's size, bright where the foreground is. method: what found it."""

    mask: Image.Image
    method: Literal["network", "grabcut"]


def mattes(images: Sequence[Image.Image], network: MattingNetwork | None) -> list[Matte]:
    """By the network, all pictures together; by GrabCut where there is none, which finds plain things only."""
    if network is None:
        return [Matte(grabcut_mask(image), "grabcut") for image in images]
    return [Matte(mask, "network") for mask in network.masks(images)]


def with_edge(image: Image.Image, mask: Image.Image, edge: Edge) -> Image.Image:
    """The mask, L, with its edge made as asked. Raises TaskRefused where it is not of the picture's size."""
    _check_size(image, mask)
    if edge == Edge():
        return mask
    levels = _levels(mask)
    if edge.threshold is not None:
        levels = (levels >= edge.threshold).astype(np.float32)
    if edge.follow:
        levels = guided(_levels(in_rgb(image)), levels)
    if edge.smoothing:
        gain = max(1.0, edge.smoothing * np.sqrt(2 * np.pi) / SHARP)  # of a blurred step, back to a steep one
        levels = (0.5 + (_blurred(levels, edge.smoothing) - 0.5) * gain).clip(0, 1)
    if edge.feather:
        levels = _blurred(levels, edge.feather / 2)
    return Image.fromarray(pixels_of(levels))


def cut_out(image: Image.Image, mask: Image.Image) -> Image.Image:
    """RGBA: the mask as alpha, and colours without the old background's; with an empty mask, all of it transparent.

    What the picture itself has of transparency stays. Raises TaskRefused where the mask is not of its size.
    """
    _check_size(image, mask)
    alpha = mask
    if image.has_transparency_data:
        alpha = ImageChops.multiply(mask, image.convert("RGBA").getchannel("A"))
    colours = foreground_colours(np.asarray(in_rgb(image)), np.asarray(alpha))
    cutout = Image.fromarray(colours)
    cutout.putalpha(alpha)
    return cutout


def on_colour(cutout: Image.Image, colour: Colour) -> Image.Image:
    """RGB: a cut-out, RGBA, in front of one colour."""
    return Image.alpha_composite(Image.new("RGBA", cutout.size, (*colour, 255)), cutout).convert("RGB")


def on_picture(cutout: Image.Image, background: Image.Image, fit: str = "crop") -> Image.Image:
    """RGB of the cut-out's size: in front of a picture, of which its middle, all of it stretched, or all with margins.

    fit: one of FITS. Raises TaskRefused.
    """
    if fit not in FITS:
        raise TaskRefused(f"fit must be one of: {', '.join(FITS)}.", field="fit")
    behind = fitted(background.convert("RGB"), SizePlan(*cutout.size, *cutout.size), fit)
    return Image.alpha_composite(behind.convert("RGBA"), cutout).convert("RGB")


def bounds(mask: Image.Image) -> Box | None:
    """The box around all that is more foreground than not; None where nothing is."""
    return mask.point(lambda level: 255 if level >= 128 else 0).getbbox()


def _check_size(image: Image.Image, mask: Image.Image) -> None:
    if image.size != mask.size:
        raise TaskRefused("The mask must be as wide and as high as the picture.", field="mask")


def _levels(image: Image.Image) -> Levels:
    return levels_of(np.asarray(image))


def _blurred(levels: Levels, deviation: float) -> Levels:
    blurred = cv2.GaussianBlur(levels, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.float32)
