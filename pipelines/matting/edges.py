"""What makes a cut-out look real at its edge: a mask that follows the picture, and colours free of the old background.

All of it numpy and OpenCV's box filter, in time that does not depend on any radius.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.float32]  # 0 to 1
Pixels = NDArray[np.uint8]

GUIDE_SIDE = 512  # pixels of the longer side, at which the guided filter is fitted
GUIDE_WINDOW = 17  # pixels there
GUIDE_NOISE = 1e-4  # variance below which a difference in colour is not followed
FLOW_WINDOW = 7  # pixels, at each size
COARSEST = 8  # pixels of the longer side
BAND = 64  # rows
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


def foreground_colours(picture: Pixels, mask: Pixels) -> Pixels:
    """(h, w, 3): the foreground's own colour at each pixel, in which nothing of the old background shines through.

    Where nothing of the foreground is, colours are those of its nearest parts, so that a cut-out hides no background.
    Colours are told apart at half the size; bands of the whole add what is finer, and need little memory.
    """
    height, width = mask.shape
    small, small_mask = _half(levels_of(picture)), _half(levels_of(mask))
    halves = [pixels_of(each) for each in _told_apart(small, small_mask)]
    front, back = (np.asarray(cv2.resize(each, (width, height)), np.uint8) for each in halves)
    for start in range(0, height, BAND):
        rows = slice(start, start + BAND)
        band, alpha = picture[rows], _thrice(levels_of(mask[rows]))
        own, _ = _completed(levels_of(band), alpha, levels_of(front[rows]), levels_of(back[rows]))
        front[rows] = np.where(alpha >= 1, band, pixels_of(own))
    return front


def _told_apart(picture: Levels, mask: Levels) -> tuple[Levels, Levels]:
    """(h, w, 3) twice: the colour of the foreground and that of the background at each pixel.

    Blur fusion (Forte, 2021, "Approximate Fast Foreground Colour Estimation", ICIP) from coarse to fine, as in Germer
    et al. (2020, "Fast Multi-Level Foreground Estimation", arXiv 2006.14970): both begin with one colour; at each size
    colours flow out of what is certain, then what they leave unexplained of the picture is added.
    """
    front, back = _one_colour(picture, _thrice(mask)), _one_colour(picture, 1 - _thrice(mask))
    sizes = [(picture, mask)]
    while max(sizes[-1][1].shape) > COARSEST:
        sizes.append((_half(sizes[-1][0]), _half(sizes[-1][1])))
    for small, small_mask in reversed(sizes):
        alpha, size = _thrice(small_mask), small_mask.shape[::-1]
        front, back = _spread(_resized(front, size), alpha), _spread(_resized(back, size), 1 - alpha)
        front, back = _completed(small, alpha, front, back)
    return front, back


def _one_colour(picture: Levels, weights: Levels) -> Levels:
    """(1, 1, 3): the weighted mean."""
    sums = (picture * weights).sum((0, 1), keepdims=True)
    return np.asarray(sums / np.maximum(weights.sum((0, 1), keepdims=True), LEAST_SHARE), np.float32)


def _completed(picture: Levels, alpha: Levels, front: Levels, back: Levels) -> tuple[Levels, Levels]:
    """Both colours with their shares of what they leave unexplained of the picture."""
    unexplained = picture - back - alpha * (front - back)
    of_front = alpha * unexplained
    return (front + of_front).clip(0, 1), (back + unexplained - of_front).clip(0, 1)


def _spread(colours: Levels, weights: Levels) -> Levels:
    """The mean of colours over a window, weighted; the colours themselves where nothing has weight."""
    shares = _blur(weights, FLOW_WINDOW)
    means = _blur(colours * weights, FLOW_WINDOW) / np.maximum(shares, LEAST_SHARE)
    return np.where(shares > LEAST_SHARE, means, colours)


def _half(values: Levels) -> Levels:
    height, width = values.shape[:2]
    return _resized(values, (max(1, width // 2), max(1, height // 2)))


def _thrice(mask: Levels) -> Levels:
    """(h, w, 3): for each channel, because numpy is slow where it broadcasts along the last axis."""
    return np.asarray(cv2.merge([mask, mask, mask]), dtype=np.float32)


def _mean(values: Levels) -> Levels:
    return _blur(values, GUIDE_WINDOW)


def _blur(values: Levels, side: int) -> Levels:
    """Windows are no larger than they need to be to reach from edge to edge: a line of pixels has no height."""
    height, width = values.shape[:2]
    window = min(side, 2 * width + 1), min(side, 2 * height + 1)
    return np.asarray(cv2.blur(values, window, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)


def _resized(values: Levels, size: tuple[int, int]) -> Levels:
    """To a width and a height."""
    height, width = values.shape[:2]
    method = cv2.INTER_AREA if size < (width, height) else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, size, interpolation=method), dtype=np.float32)


def levels_of(pixels: Pixels) -> Levels:
    return pixels.astype(np.float32) / np.float32(255)


def pixels_of(levels: Levels) -> Pixels:
    return np.rint(levels * 255).astype(np.uint8)
