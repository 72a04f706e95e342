"""Samplers as tables: a task's whole trajectory as numbers, so that rows of any samplers share one tick.

A line of the table is one call of the model. With the six latents of `solvers`, it reads

    denoised = skip * latent + out * answer       (what the model thinks the noiseless latent is)
    latent, anchor = weighted sums of the six     (skip and out: the model's kind of prediction)

Tables are computed in float64 when a task is admitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

from pipelines.sdxl.noise_levels import Config, initial_scale, levels
from pipelines.sdxl.solvers import SOLVERS
from pipelines.tasks import KARRAS

Weights = tuple[float, float, float, float, float, float]  # of LATENT, DENOISED, BEFORE, EARLIER, ANCHOR, NOISE


@dataclass(frozen=True, slots=True)
class Step:
    """One line. sigma: the noise level; timestep: what the UNet is told of it; scale: of the UNet's input."""

    sigma: float
    timestep: float
    scale: float
    skip: float
    out: float
    latent: Weights
    anchor: Weights

    @property
    def is_noisy(self) -> bool:
        return self.latent[-1] != 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """A sampler's table for one task. initial: what unit noise is multiplied by where there is no picture below it.

    taken: the sampling steps that the lines are of, one or two each.
    """

    initial: float
    steps: tuple[Step, ...]
    taken: int

    def sampling_step(self, step: int) -> int:
        """Which of those that are taken the line belongs to."""
        return step * self.taken // len(self.steps)

    def sigma(self, step: int) -> float:
        """The noise level of the latent that `step` starts from; 0 after the last."""
        return self.steps[step].sigma if step < len(self.steps) else 0.0


def schedule(sampler: str, config: Config, steps: int, strength: float = 1.0) -> Schedule:
    """The table of `sampler` (a name of `pipelines.tasks.SAMPLERS`) for a model's scheduler_config.json.

    strength: the share of the steps that is taken, 0 to 1, counted from the end and rounded down as in diffusers.
    Heun asks the model twice a step but once at the last, so its table has 2 * steps - 1 lines; all others have one
    line a step. Raises TaskRefused where the sampler cannot take so many steps.
    """
    solver = sampler.removesuffix(KARRAS)
    first = steps - int(steps * strength)
    grid = levels(solver, config, steps, karras=sampler.endswith(KARRAS), first=first)
    prediction = _PREDICTIONS[config.get("prediction_type", "epsilon")]
    lines = []
    for level, latent, anchor in SOLVERS[solver](grid, config):
        sigma = float(grid.sigmas[level])
        weights = tuple(latent.tolist()), tuple(anchor.tolist())
        lines.append(Step(sigma, float(grid.timesteps[level]), 1 / sqrt(sigma**2 + 1), *prediction(sigma), *weights))
    return Schedule(initial_scale(solver, config, float(grid.sigmas[0])), tuple(lines), steps - first)


def _epsilon(sigma: float) -> tuple[float, float]:
    return 1.0, -sigma


def _velocity(sigma: float) -> tuple[float, float]:
    """Salimans and Ho, 2022, arXiv 2202.00512, with the latent at x0 + sigma * noise."""
    return 1 / (sigma**2 + 1), -sigma / sqrt(sigma**2 + 1)


_PREDICTIONS: dict[str, Callable[[float], tuple[float, float]]] = {"epsilon": _epsilon, "v_prediction": _velocity}
