"""Annotators: what a ControlNet is to follow, made of a picture. Each takes any RGB picture and gives one of its size.

Lines are white on black, as the ControlNets for them were trained (Zhang et al., 2023, arXiv 2302.05543, section 4).
"""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Annotator = Callable[[Image.Image], Image.Image]
Levels = NDArray[np.uint8]  # (height, width), or with 3 channels

CANNY_LOW, CANNY_HIGH = 100, 200
STROKE = 1 / 100  # of the shorter side: how wide a scribbled line is
LINE_SPREADS = (1.0, 3.0)  # pixels: standard deviations of the two Gaussians whose difference shows lines
FAINTEST_LINES = 24.0  # levels: a picture whose strongest line is fainter than this is not made to have strong ones


def canny(image: Image.Image, low: int = CANNY_LOW, high: int = CANNY_HIGH) -> Image.Image:
    """Edges one pixel wide (Canny, 1986), of the colours, not of the brightness alone.

    low, high: gradients in levels of 255; an edge begins where it is above `high` and goes on while above `low`.
    """
    return _gray(cv2.Canny(_levels(image), low, high))


def scribble(image: Image.Image) -> Image.Image:
    """The bold strokes of somebody who draws the outlines by hand and leaves the details out."""
    width = max(3, round(min(image.size) * STROKE))
    coarse = cv2.GaussianBlur(_levels(image), (0, 0), width / 3)
    stroke = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    return _gray(cv2.dilate(cv2.Canny(coarse, CANNY_LOW / 2, CANNY_HIGH / 2), stroke))


def lineart(image: Image.Image) -> Image.Image:
    """Soft lines, the stronger the contrast that they mark: differences of Gaussians (Marr and Hildreth, 1980)."""
    near, far = (cv2.GaussianBlur(_levels(image).astype(np.float32), (0, 0), spread) for spread in LINE_SPREADS)
    lines = np.abs(near - far).max(axis=2)
    strongest = max(float(lines.max()), FAINTEST_LINES)
    return _gray((255 * lines / strongest).round().astype(np.uint8))


def as_it_is(image: Image.Image) -> Image.Image:
    """For control pictures that are ready-made."""
    return image.convert("RGB")


def invert(image: Image.Image) -> Image.Image:
    """For ready-made lines that are black on white."""
    return ImageOps.invert(image.convert("RGB"))


# By the names of `pipelines.tasks.ANNOTATORS`, but for "depth", which takes a model: see `pipelines.depth`.
ANNOTATORS: Mapping[str, Annotator] = {
    "none": as_it_is,
    "canny": canny,
    "scribble": scribble,
    "lineart": lineart,
    "invert": invert,
}


def _levels(image: Image.Image) -> Levels:
    return np.asarray(image.convert("RGB"))


def _gray(levels: Levels | cv2.typing.MatLike) -> Image.Image:
    return Image.fromarray(np.asarray(levels, np.uint8)).convert("RGB")
