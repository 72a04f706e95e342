"""The foreground without any network: what is unlike the picture's border, made exact by GrabCut (Rother et al., 2004).

doi 10.1145/1015706.1015720
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 384  # pixels of the longer side: GrabCut takes a second for a picture of some megapixels
BORDER_COLOURS = 4  # stripes and checks have several
STEPS = 4
NEAR = 8.0  # in L*a*b*, where 2 can just be seen: nearer to a colour of the border is background
LEAST = 4  # pixels of foreground and of background, below which there is nothing to learn from

Levels = NDArray[np.uint8]


def grabcut_mask(image: Image.Image) -> Image.Image:
    """L of the picture's size, 0 or 255 but for the resampled edge. Black where nothing is unlike the border."""
    small = image.convert("RGB")
    small.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.ascontiguousarray(small)
    seeds = _seeds(pixels)
    if min(np.count_nonzero(seeds == label) for label in (cv2.GC_BGD, cv2.GC_PR_FGD)) < LEAST:
        return Image.new("L", image.size)
    cv2.setRNGSeed(0)  # the same mask every time: GrabCut starts from k-means
    models = np.zeros((1, 65)), np.zeros((1, 65))
    labels = np.asarray(cv2.grabCut(pixels, seeds, (0, 0, 0, 0), *models, STEPS, cv2.GC_INIT_WITH_MASK)[0])
    found = np.where((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    return Image.fromarray(found).resize(image.size, Image.Resampling.BICUBIC)


def _seeds(pixels: Levels) -> Levels:
    """The frame is background for certain; inside it, what is unlike the frame is likely foreground."""
    lab = np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)
    distance = np.min([np.linalg.norm(lab - colour, axis=-1) for colour in _border_colours(lab)], axis=0)
    seeds = np.where(distance > NEAR, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    seeds[[0, -1], :] = seeds[:, [0, -1]] = cv2.GC_BGD
    return seeds


def _border_colours(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """(at most BORDER_COLOURS, 3): those around which the border's colours gather."""
    border = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]]).astype(np.float32)
    count = min(BORDER_COLOURS, len(np.unique(border.round(1), axis=0)))
    cv2.setRNGSeed(0)
    ends = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.1)
    _, _, centres = cv2.kmeans(border, count, np.empty(0, np.int32), ends, 3, cv2.KMEANS_PP_CENTERS)
    return np.asarray(centres, dtype=np.float32)
