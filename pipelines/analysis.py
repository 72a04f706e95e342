"""What can be said of a picture without a model: its colours, a hash of how it looks, what a mask marks."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy import uint8
from numpy.typing import NDArray
from PIL import Image

from pipelines.canvas import Box
from pipelines.tasks import Colour

COUNTED_SIDE = 128  # pixels: a picture is made this small before its colours are counted
OPAQUE = 128  # alpha of a pixel that counts
HASH_SIDE, HASH_WAVES = 32, 8


@dataclass(frozen=True, slots=True)
class Marked:
    """What a mask marks. share: of the picture, 0 to 1. boxes: of its connected parts, the largest first."""

    share: float
    boxes: tuple[Box, ...]


def dominant_colours(picture: Image.Image, count: int = 5) -> tuple[Colour, ...]:
    """At most `count` colours that stand for an RGB or RGBA picture, the commonest first, by median cut and k-means.

    What is transparent does not count; there are none in a picture that is transparent all over.
    """
    small = picture.copy()
    small.thumbnail((COUNTED_SIDE, COUNTED_SIDE), Image.Resampling.NEAREST)  # which makes no colours of its own
    pixels = np.asarray(small.convert("RGBA"))
    seen = pixels[pixels[..., 3] >= OPAQUE][None, :, :3]
    if not seen.size:
        return ()
    quantised = Image.fromarray(seen).quantize(count, Image.Quantize.MEDIANCUT, kmeans=4).convert("RGB")
    colours, often = np.unique(np.asarray(quantised)[0], axis=0, return_counts=True)
    common_first = np.argsort(-often, kind="stable")
    return tuple(Colour(f"#{colours[each].tobytes().hex()}", float(often[each] / often.sum())) for each in common_first)


def perceptual_hash(picture: Image.Image) -> str:
    """64 bits as 16 hexadecimal digits; pictures that look alike differ in few of them.

    The signs of the lowest waves of the gray picture, less their median: the DCT hash of Zauner, 2010
    ("Implementation and Benchmarking of Perceptual Image Hash Functions", section 3.2).
    """
    gray = picture.convert("L").resize((HASH_SIDE, HASH_SIDE), Image.Resampling.LANCZOS)
    waves = np.asarray(cv2.dct(np.asarray(gray, dtype=np.float32)))[1 : HASH_WAVES + 1, 1 : HASH_WAVES + 1]
    waves = waves.round(2)  # the rounding errors of an even picture have no say
    bits = np.packbits(waves > np.median(waves))
    return bits.tobytes().hex()


def sharpness(picture: Image.Image) -> float:
    """The variance of the Laplacian of the gray picture, in squared levels: 0 without any detail, some hundreds for a
    sharp photograph (Pech-Pacheco et al., 2000, "Diatom autofocusing in brightfield microscopy").
    """
    gray = np.asarray(picture.convert("L"))
    return float(np.asarray(cv2.Laplacian(gray, cv2.CV_32F)).var())


def marked(mask: Image.Image) -> Marked:
    """What an L mask marks: wherever it is not 0."""
    levels: NDArray[uint8] = (np.asarray(mask) > 0).astype(np.uint8)
    _, _, parts, _ = cv2.connectedComponentsWithStats(levels, connectivity=8)
    large_first = sorted(np.asarray(parts)[1:].tolist(), key=lambda part: -part[4])  # the first part is the background
    boxes = ((left, top, left + width, top + height) for left, top, width, height, _ in large_first)
    return Marked(float(levels.mean()), tuple(boxes))
