"""Each sampler's table against the diffusers scheduler of the same name: whole trajectories of a made-up model."""

from typing import Any

import pipelines.torchvision_ops  # noqa: F401  (before diffusers)

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, EulerDiscreteScheduler

from pipelines.sdxl.samplers import schedule

SDXL = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
CONFIGS = {
    "sdxl": {**SDXL, "timestep_spacing": "leading", "steps_offset": 1, "prediction_type": "epsilon"},
    "shapes": {
        **SDXL,
        "timestep_spacing": "trailing",
        "rescale_betas_zero_snr": True,
        "prediction_type": "v_prediction",
    },
    "linspace": {**SDXL, "timestep_spacing": "linspace", "prediction_type": "v_prediction"},
}
STOCK = {"euler": EulerDiscreteScheduler, "dpmpp_2m": DPMSolverMultistepScheduler}


def answer(model_input: torch.Tensor, timestep: float) -> torch.Tensor:
    """A stand-in for the UNet: smooth, and different at each timestep."""
    return torch.tanh(0.7 * model_input + timestep / 1500)


@pytest.mark.parametrize("steps", [1, 2, 7, 20, 50])
@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("sampler", STOCK)
def test_a_table_draws_what_the_diffusers_scheduler_draws(sampler: str, config: str, steps: int) -> None:
    noise = torch.randn(64, generator=torch.Generator().manual_seed(steps), dtype=torch.float64)
    ours = _with_table(sampler, CONFIGS[config], steps, noise)
    theirs = _with_diffusers(sampler, CONFIGS[config], steps, noise)
    # Their alphas are float32, and near zero SNR that shows; the bound is the issue's: 1e-4 relative.
    assert (ours - theirs).abs().max() <= 1e-4 * theirs.abs().max()


def _with_table(sampler: str, config: dict[str, Any], steps: int, noise: torch.Tensor) -> torch.Tensor:
    table = schedule(sampler, config, steps)
    latent, before = noise * table.initial, torch.zeros_like(noise)
    for step in table.steps:
        denoised = step.skip * latent + step.out * answer(latent * step.scale, step.timestep)
        latent = step.keep * latent + step.new * denoised + step.old * before
        before = denoised
    return latent


def _with_diffusers(sampler: str, config: dict[str, Any], steps: int, noise: torch.Tensor) -> torch.Tensor:
    scheduler = STOCK[sampler](**config)
    scheduler.set_timesteps(steps)
    latent = noise * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        model_input = scheduler.scale_model_input(latent, timestep)
        latent = scheduler.step(answer(model_input, float(timestep)), timestep, latent).prev_sample
    return latent
