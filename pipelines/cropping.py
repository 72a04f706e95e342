"""A picture in another aspect: its middle, the part around a point, the part with most to see, or all with margins."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipelines.canvas import Box
from pipelines.errors import TaskRefused
from pipelines.sizes import SizePlan, spread

MAP_SIDE = 64  # pixels: the scale at which saliency is told; finer, detail drowns the objects
SPECTRUM_WINDOW = 3  # as in the paper
MAP_DEVIATION = 2.5  # pixels; the paper has 8, with which small objects run into their surroundings
AS_GOOD = 0.98  # a place that shows so much of what the best one shows is as good
ZONE_LINE = 0.005  # of the shorter side
CENTRE = (0.5, 0.5)
MODES = ("smart", "center", "fit")

Map = NDArray[np.float32]


def crop(
    picture: Image.Image,
    width: int,
    height: int,
    mode: str = "smart",
    focus: tuple[float, float] | None = None,
    faces: Sequence[Box] = (),
) -> Image.Image:
    """The largest part of the aspect, resampled to width x height pixels; with "fit" all of it, its edges repeated.

    focus: a point that a part keeps in, as shares of the picture from the left and the top. faces: what "smart" keeps
    in before all else, in pixels. Raises TaskRefused.
    """
    if mode not in MODES:
        raise TaskRefused(f"crop_mode must be one of: {', '.join(MODES)}.", field="crop_mode")
    if focus is not None and not all(0 <= share <= 1 for share in focus):
        raise TaskRefused("focal_point must be from 0 to 1, from the left and from the top.", field="focal_point")
    if mode == "fit":
        return spread(picture, SizePlan(*picture.size, render_width=width, render_height=height))
    aspect = width / height
    if focus is None and mode == "smart":
        box = smart_box(picture, aspect, faces)
    else:
        box = box_around(picture.size, aspect, focus or CENTRE)
    return picture.resize((width, height), Image.Resampling.LANCZOS, box=box)


def with_safe_zone(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """A copy with a frame, black and white, around what a platform does not cover; margins in shares of the picture."""
    width, height = picture.size
    zone = [round(left * width), round(top * height), round((1 - right) * width) - 1, round((1 - bottom) * height) - 1]
    line = max(1, round(min(width, height) * ZONE_LINE))
    framed = picture.copy()
    pen = ImageDraw.Draw(framed)
    pen.rectangle(zone, outline="black", width=2 * line)
    pen.rectangle(zone, outline="white", width=line)
    return framed


def box_around(size: tuple[int, int], aspect: float, point: tuple[float, float]) -> Box:
    """The largest box of the aspect with the point, in shares of the picture, as near to its middle as can be."""
    width, height = _largest(size, aspect)
    left = min(max(round(point[0] * size[0] - width / 2), 0), size[0] - width)
    top = min(max(round(point[1] * size[1] - height / 2), 0), size[1] - height)
    return left, top, left + width, top + height


def smart_box(picture: Image.Image, aspect: float, faces: Sequence[Box] = ()) -> Box:
    """The largest box of the aspect that shows most of what stands out; the middle one of several that are as good."""
    width, height = _largest(picture.size, aspect)
    seen = saliency(picture)
    for left, top, right, bottom in faces:
        x, y = seen.shape[1] / picture.width, seen.shape[0] / picture.height
        seen[int(top * y) : int(bottom * y) + 1, int(left * x) : int(right * x) + 1] += seen.sum()
    left = _best(seen.sum(axis=0), picture.width, width)
    top = _best(seen.sum(axis=1), picture.height, height)
    return left, top, left + width, top + height


def saliency(picture: Image.Image) -> Map:
    """How much each place stands out, 0 and more; (height, width), of which the longer is at most MAP_SIDE.

    What in the spectrum of the picture is not as usual among its neighbours, turned back into a picture: the spectral
    residual of Hou and Zhang, 2007 ("Saliency Detection: A Spectral Residual Approach", CVPR), here the sum of those of
    the three channels. Waves that are not there stay away, so that an even picture has no place that stands out.
    """
    small = picture.convert("RGB")
    small.thumbnail((MAP_SIDE, MAP_SIDE), Image.Resampling.BOX)
    spectra = np.fft.fft2(np.asarray(small, dtype=np.float64), axes=(0, 1))
    heights = np.abs(spectra)
    logs = np.log1p(heights)
    residuals = logs - cv2.blur(logs, (SPECTRUM_WINDOW, SPECTRUM_WINDOW))
    unusual = np.fft.ifft2(np.exp(residuals) * spectra / (heights + 1), axes=(0, 1))
    energy = (np.abs(unusual) ** 2).sum(axis=-1)
    return np.asarray(cv2.GaussianBlur(energy, (0, 0), MAP_DEVIATION), dtype=np.float32)


def _largest(size: tuple[int, int], aspect: float) -> tuple[int, int]:
    """The sides of the largest box of the aspect inside `size`, at least a pixel each."""
    width = min(size[0], max(1, round(size[1] * aspect)))
    return width, min(size[1], max(1, round(size[0] / aspect)))


def _best(seen: Map, side: int, window: int) -> int:
    """Where along a side of `side` pixels the window of `window` of them shows most of what is seen along it."""
    if window >= side:
        return 0
    before = np.interp(np.arange(side + 1) * len(seen) / side, np.arange(len(seen) + 1), np.cumsum([0, *seen]))
    shown = before[window:] - before[:-window]
    as_good = np.flatnonzero(shown >= AS_GOOD * shown.max())
    return int(as_good[len(as_good) // 2])
