"""Samplers as tables: every step is linear in the latent, the model's answer and the answer before it.

With sigma = noise level / signal level and a latent x = x0 + sigma * noise, one step of any sampler here reads

    denoised = skip * x + out * answer          (what the model thinks x0 is)
    x'       = keep * x + new * denoised + old * denoised of the step before

so rows with different samplers and step counts share one tick: each brings its own seven numbers. Tables are computed
in float64 when a task is admitted. Noise schedules and spacings follow the model's scheduler_config.json
(Lin et al., 2023, arXiv 2305.08891, for zero terminal SNR and for the spacings).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import expm1, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import TaskRefused

Floats = NDArray[np.float64]

# alphas_cumprod at the last training step under zero terminal SNR: nearly 0, so that sigma stays finite.
ZERO_SNR_FLOOR = 2.0**-24


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table. timestep: what the UNet is told; scale: what its input is multiplied by."""

    timestep: float
    scale: float
    skip: float
    out: float
    keep: float
    new: float
    old: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """A sampler's table for one task. initial: what unit noise is multiplied by before the first step."""

    initial: float
    steps: tuple[Step, ...]


def schedule(sampler: str, scheduler: Mapping[str, Any], steps: int) -> Schedule:
    """The table of `sampler` (a name of `pipelines.tasks.SAMPLERS`) for a model's scheduler config."""
    training = training_sigmas(scheduler)
    timesteps = _timesteps(sampler, scheduler, steps)
    sigmas = [*np.interp(timesteps, np.arange(len(training)), training).tolist(), 0.0]
    weights = {"euler": _euler, "dpmpp_2m": _dpmpp_2m}[sampler](sigmas)
    skip_out = _PREDICTIONS[scheduler.get("prediction_type", "epsilon")]
    table = tuple(
        Step(float(timestep), 1 / sqrt(sigma**2 + 1), *skip_out(sigma), *weight)
        for timestep, sigma, weight in zip(timesteps, sigmas, weights, strict=False)
    )
    return Schedule(_initial(sampler, scheduler, sigmas[0]), table)


def training_sigmas(scheduler: Mapping[str, Any]) -> Floats:
    """sigma of each training step, ascending: sqrt((1 - a) / a) of the cumulative product a of the alphas."""
    count, start, end = scheduler["num_train_timesteps"], scheduler["beta_start"], scheduler["beta_end"]
    match scheduler["beta_schedule"]:
        case "scaled_linear":
            betas = np.linspace(sqrt(start), sqrt(end), count) ** 2
        case "linear":
            betas = np.linspace(start, end, count)
        case _:
            raise TaskRefused("This model's noise schedule is not supported: scaled_linear and linear are.")
    cumulative: Floats = np.asarray(np.cumprod(1 - betas), dtype=np.float64)
    if scheduler.get("rescale_betas_zero_snr", False):
        cumulative = _zero_terminal_snr(cumulative)
    return np.asarray(np.sqrt((1 - cumulative) / cumulative))


def _zero_terminal_snr(cumulative: Floats) -> Floats:
    """Shift and scale the signal levels so that the last is 0 and the first stays (Lin et al., algorithm 1)."""
    signal = np.sqrt(cumulative)
    signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
    rescaled = signal**2
    rescaled[-1] = ZERO_SNR_FLOOR
    return np.asarray(rescaled)


def _timesteps(sampler: str, scheduler: Mapping[str, Any], steps: int) -> Floats:
    """Descending training steps by the config's spacing (Lin et al., table 2); DPM++ leaves room for its last step."""
    count, offset = scheduler["num_train_timesteps"], scheduler.get("steps_offset", 0)
    parts = steps + 1 if sampler.startswith("dpmpp") else steps
    match scheduler.get("timestep_spacing", "linspace"):
        case "trailing":
            return np.asarray(np.arange(count, 0, -count / steps).round()[:steps] - 1)
        case "leading":
            return np.asarray((np.arange(parts) * (count // parts)).round()[::-1][:steps] + offset)
        case _:
            spaced = np.linspace(0, count - 1, parts)[::-1][:steps]
            return np.asarray(spaced.round() if parts > steps else spaced)


def _initial(sampler: str, scheduler: Mapping[str, Any], sigma: float) -> float:
    """The noise level of the start: diffusers adds the unit signal under leading spacing, and for DPM++ always."""
    with_signal = sampler.startswith("dpmpp") or scheduler.get("timestep_spacing", "linspace") == "leading"
    return sqrt(sigma**2 + 1) if with_signal else sigma


def _epsilon(sigma: float) -> tuple[float, float]:
    return 1.0, -sigma


def _velocity(sigma: float) -> tuple[float, float]:
    return 1 / (sigma**2 + 1), -sigma / sqrt(sigma**2 + 1)


_PREDICTIONS = {"epsilon": _epsilon, "v_prediction": _velocity}


def _euler(sigmas: list[float]) -> list[tuple[float, float, float]]:
    """Karras et al., 2022, arXiv 2206.00364, algorithm 2 without churn, solved for x'."""
    return [(after / now, 1 - after / now, 0.0) for now, after in pairwise(sigmas)]


def _dpmpp_2m(sigmas: list[float]) -> list[tuple[float, float, float]]:
    """Lu et al., 2022, arXiv 2211.01095, algorithm 2; the first step and the one to sigma 0 are of first order."""
    table = [(sigmas[1] / sigmas[0], 1 - sigmas[1] / sigmas[0], 0.0)]
    for before, now, after in zip(sigmas, sigmas[1:], sigmas[2:], strict=False):
        if after == 0:
            table.append((0.0, 1.0, 0.0))
            continue
        step, step_before = log(now / after), log(before / now)
        move, lean = -expm1(-step), step / (2 * step_before)
        table.append((after / now, move * (1 + lean), -move * lean))
    return table
