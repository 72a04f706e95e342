"""Noise levels: which training steps a sampler visits, and how noisy each is, by the model's scheduler_config.json.

A level is sigma = noise / signal, so that a latent at sigma reads x0 + sigma * noise. Spacings and zero terminal SNR:
Lin et al., 2023, arXiv 2305.08891. Karras spacing: Karras et al., 2022, arXiv 2206.00364, equation 5.
"""

from collections.abc import Mapping
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import TaskRefused

Floats = NDArray[np.float64]
Config = Mapping[str, Any]

# The product of all alphas at the last training step under zero terminal SNR: nearly 0, so that sigma stays finite.
# As in diffusers, but for DDIM and LCM, whose schedulers there take a true 0: for them as near as float32 can go.
ZERO_SNR_FLOOR = 2.0**-24
ZERO_SNR_FLOOR_OF_JUMPS = 2.0**-48
KARRAS_RHO = 7.0
LCM_TRAINING_STEPS = 50  # of the distillation (Luo et al., 2023, arXiv 2310.04378)

MULTISTEP = frozenset({"dpmpp_2m", "dpmpp_2m_sde", "unipc"})  # these leave room for one more step than they take
INTEGER_STEPS = MULTISTEP | {"ddim", "lcm"}


class Levels(NamedTuple):
    """timesteps: what the UNet is told, descending. sigmas: one more than timesteps, the last is 0.

    training: the sigma of every training step, ascending. first: the level that drawing begins at; those above it are
    left out when there is a picture to start from.
    """

    timesteps: Floats
    sigmas: Floats
    training: Floats
    first: int = 0

    def steps(self) -> list[tuple[int, float, float]]:
        """Each level that is visited, with its sigma and the next one's."""
        return [
            (level, float(self.sigmas[level]), float(self.sigmas[level + 1]))
            for level in range(self.first, len(self.timesteps))
        ]


def levels(solver: str, config: Config, steps: int, karras: bool, first: int = 0) -> Levels:
    training = training_sigmas(config, ZERO_SNR_FLOOR_OF_JUMPS if solver in ("ddim", "lcm") else ZERO_SNR_FLOOR)
    timesteps = _lcm_timesteps(config, steps) if solver == "lcm" else _timesteps(solver, config, steps)
    sigmas = np.interp(timesteps, np.arange(len(training)), training)
    if karras:
        # The solvers of several steps span all training levels, the others those that they would have visited.
        ends = (training[-1], training[0]) if solver in MULTISTEP else (sigmas[0], sigmas[-1])
        sigmas = _karras(*ends, steps)
        timesteps = np.interp(np.log(sigmas), np.log(training), np.arange(len(training)))
        timesteps = timesteps.round() if solver in MULTISTEP else timesteps
    return Levels(timesteps, np.append(sigmas, 0.0), training, first)


def initial_scale(solver: str, config: Config, sigma: float) -> float:
    """What unit noise is multiplied by before the first step: diffusers adds the unit signal's share in some cases."""
    with_signal = solver in INTEGER_STEPS or config.get("timestep_spacing", "linspace") == "leading"
    return sqrt(sigma**2 + 1) if with_signal else sigma


def training_sigmas(config: Config, floor: float = ZERO_SNR_FLOOR) -> Floats:
    """sqrt((1 - a) / a) for the product a of the alphas up to each training step. Raises TaskRefused."""
    count, start, end = config["num_train_timesteps"], config["beta_start"], config["beta_end"]
    match config["beta_schedule"]:
        case "scaled_linear":
            betas = np.linspace(sqrt(start), sqrt(end), count) ** 2
        case "linear":
            betas = np.linspace(start, end, count)
        case _:
            raise TaskRefused("This model's noise schedule is not supported: scaled_linear and linear are.")
    product: Floats = np.asarray(np.cumprod(1 - betas), dtype=np.float64)
    if config.get("rescale_betas_zero_snr", False):
        product = _zero_terminal_snr(product, floor)
    return np.asarray(np.sqrt((1 - product) / product))


def _zero_terminal_snr(product: Floats, floor: float) -> Floats:
    """Shift and scale the signal levels so that the first stays and the last is `floor` (Lin et al., algorithm 1)."""
    signal = np.sqrt(product)
    signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
    rescaled = signal**2
    rescaled[-1] = floor
    return np.asarray(rescaled)


def _timesteps(solver: str, config: Config, steps: int) -> Floats:
    """Descending training steps by the config's spacing (Lin et al., table 2)."""
    count, offset = config["num_train_timesteps"], config.get("steps_offset", 0)
    parts = steps + 1 if solver in MULTISTEP else steps
    match config.get("timestep_spacing", "linspace"):
        case "trailing":
            return np.asarray(np.arange(count, 0, -count / steps).round()[:steps] - 1)
        case "leading":
            return np.asarray((np.arange(parts) * (count // parts)).round()[::-1][:steps] + offset)
        case _:
            spaced = np.linspace(0, count - 1, parts)[::-1][:steps]
            return np.asarray(spaced.round() if solver in INTEGER_STEPS else spaced)


def _lcm_timesteps(config: Config, steps: int) -> Floats:
    """Evenly spaced among the steps that the distillation trained. Raises TaskRefused for more steps than those."""
    if steps > LCM_TRAINING_STEPS:
        raise TaskRefused(f"The lcm sampler takes at most {LCM_TRAINING_STEPS} steps.", field="steps")
    stride = config["num_train_timesteps"] // LCM_TRAINING_STEPS
    trained = np.arange(1, LCM_TRAINING_STEPS + 1)[::-1] * stride - 1
    chosen = np.floor(np.linspace(0, LCM_TRAINING_STEPS, steps, endpoint=False)).astype(np.int64)
    return np.asarray(trained[chosen], dtype=np.float64)


def _karras(first: float, last: float, steps: int) -> Floats:
    ramp = np.linspace(0, 1, steps)
    high, low = first ** (1 / KARRAS_RHO), last ** (1 / KARRAS_RHO)
    return np.asarray((high + ramp * (low - high)) ** KARRAS_RHO)
