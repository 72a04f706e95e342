"""Solvers: how each sampler gets from one noise level to the next, written as sums over six latents that a draft has.

LATENT is the draft now, DENOISED what the model just made of it, BEFORE and EARLIER the same of the last two calls,
ANCHOR an older latent that some solvers go back to, NOISE fresh unit noise. A vector of six weights is thus a step,
and steps of different solvers are one matrix product. See `noise_levels` for what sigma means.
"""

from collections.abc import Callable
from math import expm1, log, sqrt
from typing import NamedTuple

import numpy as np

from pipelines.sdxl.noise_levels import Config, Floats, Levels

LATENT, DENOISED, BEFORE, EARLIER, ANCHOR, NOISE = np.eye(6)
NOTHING = np.zeros(6)

LCM_SIGMA_DATA = 0.5
LCM_TIMESTEP_SCALE = 10.0


class Move(NamedTuple):
    """One call of the model. level: the index of the sigma that it is told; latent, anchor: their next values."""

    level: int
    latent: Floats
    anchor: Floats = NOTHING


def euler(levels: Levels, config: Config) -> list[Move]:
    """Karras et al., 2022, arXiv 2206.00364, algorithm 2 without churn."""
    return [Move(level, _towards(now, after)) for level, now, after in levels.steps()]


def euler_ancestral(levels: Levels, config: Config) -> list[Move]:
    """Euler to a lower level than the next, then noise up to the next one (k-diffusion's Euler ancestral)."""
    moves = []
    for level, now, after in levels.steps():
        up = sqrt(after**2 * (now**2 - after**2) / now**2)
        down = sqrt(after**2 - up**2)
        moves.append(Move(level, _towards(now, down) + up * NOISE))
    return moves


def heun(levels: Levels, config: Config) -> list[Move]:
    """Karras et al., 2022, algorithm 1 without churn: two calls a step, but for the last."""
    moves = []
    for level, now, after in levels.steps():
        moves.append(Move(level, _towards(now, after), anchor=LATENT))
        if after > 0:
            slopes = (ANCHOR - BEFORE) / now + (LATENT - DENOISED) / after
            moves.append(Move(level + 1, ANCHOR + (after - now) / 2 * slopes))
    return moves


def ddim(levels: Levels, config: Config) -> list[Move]:
    """Song et al., 2020, arXiv 2010.02502, equation 12 with eta 0.

    The level that a step ends at is found as diffusers does it, by counting back from the timestep, which is not
    always where the next step begins.
    """
    stride = config["num_train_timesteps"] // len(levels.timesteps)
    end = 0.0 if config.get("set_alpha_to_one", True) else float(levels.training[0])
    moves = []
    for level, now, begin in levels.steps():
        counted = int(levels.timesteps[level]) - stride
        after = float(levels.training[counted]) if counted >= 0 else end
        rescale = sqrt((begin**2 + 1) / (after**2 + 1))
        moves.append(Move(level, rescale * _towards(now, after)))
    return moves


def dpmpp_2m(levels: Levels, config: Config) -> list[Move]:
    """Lu et al., 2022, arXiv 2211.01095, algorithm 2; the first step and the one to sigma 0 are of first order."""
    moves = []
    for level, now, after in levels.steps():
        lean = _lean(levels, level)
        moves.append(Move(level, after / now * LATENT + (1 - after / now) * (DENOISED + lean)))
    return moves


def dpmpp_2m_sde(levels: Levels, config: Config) -> list[Move]:
    """The stochastic form of the same (Lu et al., 2022, and k-diffusion's DPM++ 2M SDE, midpoint)."""
    moves = []
    for level, now, after in levels.steps():
        decay = (after / now) ** 2  # exp(-2 h) for the step h in log signal-to-noise
        lean = _lean(levels, level)
        latent = decay * LATENT + (1 - decay) * (DENOISED + lean) + after * sqrt(1 - decay) * NOISE
        moves.append(Move(level, latent))
    return moves


def unipc(levels: Levels, config: Config) -> list[Move]:
    """Zhao et al., 2023, arXiv 2302.04867, B(h) = exp(h) - 1, order 2: correct the latent, then predict from there."""
    sigmas, steps = levels.sigmas, len(levels.timesteps)
    moves, order = [], 0
    for level, now, after in levels.steps():
        corrected = LATENT if level == levels.first else _corrected(sigmas, level, order)
        order = min(2, level - levels.first + 1, steps - level)
        lean = _lean(levels, level) if order == 2 else NOTHING
        moves.append(Move(level, after / now * corrected + (1 - after / now) * (DENOISED + lean), anchor=corrected))
    return moves


def lcm(levels: Levels, config: Config) -> list[Move]:
    """Luo et al., 2023, arXiv 2310.04378: jump to x0, by the boundary condition, and add the next level's noise."""
    moves = []
    for level, now, after in levels.steps():
        scaled = levels.timesteps[level] * LCM_TIMESTEP_SCALE
        skip = LCM_SIGMA_DATA**2 / (scaled**2 + LCM_SIGMA_DATA**2)
        out = scaled / sqrt(scaled**2 + LCM_SIGMA_DATA**2)
        moves.append(Move(level, out * DENOISED + skip / sqrt(now**2 + 1) * LATENT + after * NOISE))
    return moves


def _towards(now: float, after: float) -> Floats:
    """Along the straight line through the latent at level `now` and its denoised form, to level `after`."""
    return np.asarray(after / now * LATENT + (1 - after / now) * DENOISED)


def _lean(levels: Levels, level: int) -> Floats:
    """What a second-order step adds to the denoised latent: half a step of its change; nothing at either end."""
    if level == levels.first or levels.sigmas[level + 1] == 0:
        return NOTHING
    before, now, after = levels.sigmas[level - 1 : level + 2]
    return np.asarray(log(now / after) / (2 * log(before / now)) * (DENOISED - BEFORE))


def _corrected(sigmas: Floats, level: int, order: int) -> Floats:
    """UniC: the latent of this level again, now that the model's answer at it is known; from the last anchor."""
    before, now = sigmas[level - 1 : level + 1]
    step = -log(before / now)
    phi = expm1(step)
    change = DENOISED - BEFORE
    if order == 1:
        residual = 0.5 * change
    else:
        ratio = log(sigmas[level - 2] / before) / step
        first = phi / step - 1
        right = np.array([first, (first / step - 0.5) * 2]) / phi
        weights = np.linalg.solve(np.array([[1.0, 1.0], [ratio, 1.0]]), right)
        residual = weights[0] * (EARLIER - BEFORE) / ratio + weights[1] * change
    return np.asarray(now / before * ANCHOR - phi * (BEFORE + residual))


SOLVERS: dict[str, Callable[[Levels, Config], list[Move]]] = {
    "euler": euler,
    "euler_a": euler_ancestral,
    "heun": heun,
    "ddim": ddim,
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_sde": dpmpp_2m_sde,
    "unipc": unipc,
    "lcm": lcm,
}
