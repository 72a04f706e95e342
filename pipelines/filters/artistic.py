"""A picture as if by hand: oil, pencil, watercolour, cartoon. RGB in, RGB out.

Watercolour and cartoon lean on OpenCV's photo module, on the edge-aware smoothing of Gastal and Oliveira, 2011
("Domain Transform for Edge-Aware Image and Video Processing").
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy import uint8
from numpy.typing import NDArray
from PIL import Image

from pipelines.filters.tone import posterize

Pixels = NDArray[uint8]

BRUSH = 9  # pixels: the side of the square that a stroke of oil takes its colour from
OIL_SHADES = 10
PENCIL_RADIUS = 8  # pixels: how far a line fades into the darker side
WASH_REACH = 0.6
PIGMENT = 0.85
CARTOON_REACH = 0.4
CARTOON_LEVELS = 8
OUTLINE = 9  # pixels: the side of the square that an outline must be darker than
OUTLINE_DEPTH = 6  # levels


def artistic(picture: Image.Image, style: str, intensity: float) -> Image.Image:
    """In a style of STYLES; intensity 0 is the picture itself, 1 the style alone."""
    styled = STYLES[style](np.asarray(picture))
    return Image.blend(picture, Image.fromarray(styled), intensity)


def _oil_painting(pixels: Pixels) -> Pixels:
    """Each pixel is the mean colour of the commonest shade around it (Holzmann, 1988, "Beyond Photography")."""
    shades = _pixels(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) * np.float32(OIL_SHADES / 256))
    most = np.zeros(shades.shape, np.float32)
    painted = np.zeros_like(pixels)
    for shade in range(OIL_SHADES):
        here = (shades == shade).astype(np.uint8)
        count = _around(here)
        sums = _around(_pixels(cv2.bitwise_and(pixels, pixels, mask=here)))
        wins = count > most
        painted[wins] = np.rint(sums[wins] / count[wins, None])
        most[wins] = count[wins]
    return painted


def _around(values: Pixels) -> NDArray[np.float32]:
    """The sum over the brush around each place."""
    sums = cv2.boxFilter(values, cv2.CV_32F, (BRUSH, BRUSH), normalize=False, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(sums, dtype=np.float32)


def _pencil(pixels: Pixels) -> Pixels:
    """Gray over its own blur ("color-dodge" of W3C's Compositing and Blending Level 1): paper, and lines at edges."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    drawn = cv2.divide(gray, cv2.GaussianBlur(gray, (0, 0), PENCIL_RADIUS), scale=255)
    return _pixels(cv2.cvtColor(drawn, cv2.COLOR_GRAY2RGB))


def _watercolor(pixels: Pixels) -> Pixels:
    """Washes of one colour each, through which the paper shows."""
    washes = _smooth(pixels, WASH_REACH)
    return np.rint(255 - PIGMENT * (255 - washes.astype(np.float32))).astype(np.uint8)


def _cartoon(pixels: Pixels) -> Pixels:
    """Flat areas of few colours with dark outlines."""
    flat = np.asarray(posterize(Image.fromarray(_smooth(pixels, CARTOON_REACH)), CARTOON_LEVELS))
    gray = cv2.medianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), 5)
    ink = cv2.adaptiveThreshold(gray, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, OUTLINE, OUTLINE_DEPTH)
    return _pixels(cv2.bitwise_and(flat, flat, mask=ink))


def _smooth(pixels: Pixels, reach: float) -> Pixels:
    """Even within edges; reach: how large a step, of the range from black to white, is still evened out."""
    return _pixels(cv2.edgePreservingFilter(pixels, flags=cv2.RECURS_FILTER, sigma_s=60, sigma_r=reach))


def _pixels(made: object) -> Pixels:
    """OpenCV's annotations promise any number at all."""
    return np.asarray(made, dtype=np.uint8)


STYLES: dict[str, Callable[[Pixels], Pixels]] = {
    "oil_painting": _oil_painting,
    "pencil": _pencil,
    "watercolor": _watercolor,
    "cartoon": _cartoon,
}
