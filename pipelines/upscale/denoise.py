"""Noise out of what is about to be enlarged, before a network takes it for detail."""

from torch import Tensor
from torch.nn.functional import avg_pool2d

WINDOW = 5  # pixels a side
NOISE = 0.01  # variance of values in 0..1; edges that vary much more are kept, grain that varies less is averaged


def denoised(pictures: Tensor, strengths: Tensor) -> Tensor:
    """(n, 3, h, w) of values in 0..1, each blended with itself after a guided filter.

    strengths: (n,), 0 leaves a picture as it is, 1 is the filter alone: a picture guided by itself, so that flat parts
    are smoothed and edges stay (He, Sun and Tang, 2010, doi 10.1007/978-3-642-15549-9_1).
    """
    if not strengths.any():
        return pictures
    mean = _mean(pictures)
    variance = (_mean(pictures * pictures) - mean * mean).clamp_min(0)
    kept = variance / (variance + NOISE)
    smooth = _mean(kept) * pictures + _mean((1 - kept) * mean)
    return pictures.lerp(smooth, strengths.view(-1, 1, 1, 1))


def _mean(values: Tensor) -> Tensor:
    return avg_pool2d(values, WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False)
