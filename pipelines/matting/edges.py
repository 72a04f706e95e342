"""What makes a cut-out look real at its edge: a mask that follows the picture, and colours free of the old background.

All of it numpy and OpenCV's box filter, in time that does not depend on any radius.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.float32]  # 0 to 1

GUIDE_SIDE = 512  # pixels of the longer side, at which the guided filter is fitted
GUIDE_WINDOW = 17  # pixels there
GUIDE_NOISE = 1e-4  # variance below which a difference in colour is not followed
BLUR_SHARES = (1 / 8, 1 / 128)  # of the longer side: first far, for what is hidden whole, then near
LEAST_SHARE = 1e-3
ALMOST_HALF = 0.499


def guided(picture: Levels, mask: Levels) -> Levels:
    """The mask, (h, w), made to follow the colours of the picture, (h, w, 3), wherever its edge is near.

    What is more foreground than not, yes or no, becomes in each window a linear function of the colour: the guided
    filter of He, Sun and Tang (2010, doi 10.1007/978-3-642-15549-9_1), fitted small and applied large as in their fast
    one (2015, arXiv 1505.00996).
    """
    height, width = mask.shape
    scale = min(1.0, GUIDE_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = _resized(picture, size)
    small_mask = (_resized(mask, size) >= 0.5).astype(np.float32)
    mean, mask_mean = _mean(small), _mean(small_mask)
    products = _mean((small[..., :, None] * small[..., None, :]).reshape(*small.shape[:2], 9))
    variance = products.reshape(*small.shape, 3) - mean[..., :, None] * mean[..., None, :]
    covariance = _mean(small * small_mask[..., None]) - mean * mask_mean[..., None]
    slope = np.linalg.solve(variance + GUIDE_NOISE * np.eye(3, dtype=np.float32), covariance[..., None])[..., 0]
    offset = mask_mean - (slope * mean).sum(axis=-1)
    slope, offset = _resized(_mean(slope), (width, height)), _resized(_mean(offset), (width, height))
    followed = ((slope * picture).sum(axis=-1) + offset).clip(0, 1)
    near_edge = np.abs(_resized(mask_mean, (width, height)) - 0.5) < ALMOST_HALF
    return np.where(near_edge, followed, mask).astype(np.float32)


def foreground_colours(picture: Levels, mask: Levels) -> Levels:
    """(h, w, 3): the foreground's own colour at each pixel, in which nothing of the old background shines through.

    Blur fusion (Forte, 2021, "Approximate Fast Foreground Colour Estimation", ICIP): colours flow out of what is
    certain, then what they leave unexplained of the picture is added, once from afar and once from near by.
    """
    alpha = mask[..., None]
    front, back = picture, picture
    for share in BLUR_SHARES:
        side = 2 * max(1, round(max(mask.shape) * share)) + 1
        front, back = _spread(front, alpha, side), _spread(back, 1 - alpha, side)
        front = (front + alpha * (picture - alpha * front - (1 - alpha) * back)).clip(0, 1)
    return np.where(alpha >= 1, picture, front).astype(np.float32)


def _spread(colours: Levels, weights: Levels, side: int) -> Levels:
    """The mean of colours over windows of `side` pixels, weighted; the colours themselves where nothing has weight."""
    shares = _blur(weights[..., 0], side)[..., None]
    return np.where(shares > LEAST_SHARE, _blur(colours * weights, side) / np.maximum(shares, LEAST_SHARE), colours)


def _mean(values: Levels) -> Levels:
    return _blur(values, GUIDE_WINDOW)


def _blur(values: Levels, side: int) -> Levels:
    """Windows are no larger than they need to be to reach from edge to edge: a line of pixels has no height."""
    height, width = values.shape[:2]
    window = min(side, 2 * width + 1), min(side, 2 * height + 1)
    return np.asarray(cv2.blur(values, window, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)


def _resized(values: Levels, size: tuple[int, int]) -> Levels:
    """To a width and a height."""
    method = cv2.INTER_AREA if size[0] < values.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, size, interpolation=method), dtype=np.float32)
