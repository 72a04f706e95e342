"""Each sampler's table against the diffusers scheduler of the same name: whole trajectories of a made-up model."""

from collections.abc import Callable
from typing import Any

import pipelines.torchvision_ops  # noqa: F401

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)
from torch import Tensor

from pipelines.errors import TaskRefused
from pipelines.sdxl.samplers import schedule
from pipelines.tasks import SAMPLERS

SDXL = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
CONFIGS: dict[str, dict[str, Any]] = {
    "sdxl": {**SDXL, "timestep_spacing": "leading", "steps_offset": 1, "prediction_type": "epsilon"},
    "shapes": {
        **SDXL,
        "timestep_spacing": "trailing",
        "rescale_betas_zero_snr": True,
        "prediction_type": "v_prediction",
    },
    "linspace": {**SDXL, "timestep_spacing": "linspace", "prediction_type": "v_prediction"},
}
KARRAS = {"use_karras_sigmas": True}
SDE = {"algorithm_type": "sde-dpmsolver++"}
DDIM = {"clip_sample": False}
STOCK: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "euler": (EulerDiscreteScheduler, {}),
    "euler_karras": (EulerDiscreteScheduler, KARRAS),
    "euler_a": (EulerAncestralDiscreteScheduler, {}),
    "heun": (HeunDiscreteScheduler, {}),
    "heun_karras": (HeunDiscreteScheduler, KARRAS),
    "ddim": (DDIMScheduler, DDIM),
    "dpmpp_2m": (DPMSolverMultistepScheduler, {}),
    "dpmpp_2m_karras": (DPMSolverMultistepScheduler, KARRAS),
    "dpmpp_2m_sde": (DPMSolverMultistepScheduler, SDE),
    "dpmpp_2m_sde_karras": (DPMSolverMultistepScheduler, SDE | KARRAS),
    "unipc": (UniPCMultistepScheduler, {}),
    "unipc_karras": (UniPCMultistepScheduler, KARRAS),
    "lcm": (LCMScheduler, {"clip_sample": False}),
}
# Heun of diffusers knows no zero terminal SNR. Its LCM takes its own steps, so a spacing means nothing to it.
NOT_IN_DIFFUSERS = {("heun", "shapes"), ("heun_karras", "shapes"), ("lcm", "shapes"), ("lcm", "linspace")}
# Relative. The scheduler takes the difference of two nearly equal squares in float32 there; our table in float64.
BOUNDS = {("euler_a", "shapes"): 2e-4}
CASES = [(name, config) for name in STOCK for config in CONFIGS if (name, config) not in NOT_IN_DIFFUSERS]


def answer(model_input: Tensor, timestep: float) -> Tensor:
    """A stand-in for the UNet: smooth, and different at each timestep."""
    return torch.tanh(0.7 * model_input + timestep / 1500)


def test_every_sampler_has_a_scheduler_to_be_held_against() -> None:
    assert set(STOCK) == set(SAMPLERS)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 20, 50])
@pytest.mark.parametrize(("sampler", "config"), CASES)
def test_a_table_draws_what_the_diffusers_scheduler_draws(sampler: str, config: str, steps: int) -> None:
    noise = torch.randn(1, 64, generator=torch.Generator().manual_seed(steps), dtype=torch.float64)
    ours = _with_table(sampler, CONFIGS[config], steps, noise)
    theirs = _with_diffusers(sampler, CONFIGS[config], steps, noise)
    assert (ours - theirs).abs().max() <= BOUNDS.get((sampler, config), 1e-4) * theirs.abs().max()


@pytest.mark.parametrize(("steps", "strength"), [(20, 0.3), (20, 0.75), (7, 0.5), (4, 0.25)])
@pytest.mark.parametrize(("sampler", "config"), CASES)
def test_a_table_that_begins_later_draws_what_diffusers_draws_over_a_picture(
    sampler: str, config: str, steps: int, strength: float
) -> None:
    noise, picture = torch.randn(2, 1, 64, generator=torch.Generator().manual_seed(steps), dtype=torch.float64)
    ours = _with_table(sampler, CONFIGS[config], steps, noise, picture, strength)
    theirs = _with_diffusers(sampler, CONFIGS[config], steps, noise, picture, strength)
    assert (ours - theirs).abs().max() <= BOUNDS.get((sampler, config), 1e-4) * theirs.abs().max()


@pytest.mark.parametrize("sampler", ["euler", "heun", "unipc", "lcm"])
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_every_line_belongs_to_a_sampling_step(sampler: str, strength: float) -> None:
    table = schedule(sampler, CONFIGS["sdxl"], 8, strength)
    taken = int(8 * strength)
    each = [step for step in range(taken) for _ in range(2 if sampler == "heun" and step < taken - 1 else 1)]
    assert [table.sampling_step(line) for line in range(len(table.steps))] == each


def test_lcm_refuses_more_steps_than_its_distillation_had() -> None:
    with pytest.raises(TaskRefused, match="at most 50"):
        schedule("lcm", CONFIGS["sdxl"], 51)


def _with_table(
    sampler: str,
    config: dict[str, Any],
    steps: int,
    noise: Tensor,
    picture: Tensor | None = None,
    strength: float = 1.0,
) -> Tensor:
    table, generator = schedule(sampler, config, steps, strength), torch.Generator().manual_seed(9)
    zero = torch.zeros_like(noise)
    latent = noise * table.initial if picture is None else picture + table.sigma(0) * noise
    before, earlier, anchor = zero, zero, zero
    for step in table.steps:
        denoised = step.skip * latent + step.out * answer(latent * step.scale, step.timestep)
        fresh = torch.randn(noise.shape, generator=generator, dtype=_noise_dtype(sampler)) if step.is_noisy else zero
        six = torch.cat([latent, denoised, before, earlier, anchor, fresh])
        latent, anchor = (torch.tensor([step.latent, step.anchor], dtype=noise.dtype) @ six).split(1)
        before, earlier = denoised, before
    return latent


def _noise_dtype(sampler: str) -> torch.dtype:
    """DPM++ of diffusers draws its noise in float32, whatever the latents are."""
    return torch.float32 if sampler.startswith("dpmpp") else torch.float64


def _with_diffusers(
    sampler: str,
    config: dict[str, Any],
    steps: int,
    noise: Tensor,
    picture: Tensor | None = None,
    strength: float = 1.0,
) -> Tensor:
    kind, options = STOCK[sampler]
    scheduler, generator = kind(**config, **options), torch.Generator().manual_seed(9)
    scheduler.set_timesteps(steps)
    begin = (steps - int(steps * strength)) * scheduler.order
    if sampler != "ddim":
        # Karras spacing can visit a timestep twice; left to itself, the scheduler would begin at the second visit.
        scheduler.set_begin_index(begin)
    timesteps = scheduler.timesteps[begin:]
    latent = noise * scheduler.init_noise_sigma
    if picture is not None:
        latent = scheduler.add_noise(picture, noise, timesteps[:1])
    noisy = {"generator": generator} if sampler.startswith(("euler_a", "dpmpp_2m_sde", "lcm")) else {}
    for timestep in timesteps:
        model_input = scheduler.scale_model_input(latent, timestep)
        latent = scheduler.step(answer(model_input, float(timestep)), timestep, latent, **noisy).prev_sample
    return latent
