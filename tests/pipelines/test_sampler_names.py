"""Names of samplers as clients write them."""

import pytest

from pipelines.errors import TaskRefused
from pipelines.sampler_names import sampler_named
from pipelines.tasks import SAMPLERS


@pytest.mark.parametrize("name", SAMPLERS)
def test_our_own_names_mean_themselves(name: str) -> None:
    assert sampler_named(name) == name


@pytest.mark.parametrize(
    ("name", "sampler"),
    [
        ("EulerDiscreteScheduler", "euler"),
        ("EulerAncestralDiscreteScheduler", "euler_a"),
        ("DPMSolverMultistepScheduler", "dpmpp_2m"),
        ("DPMSolverMultistep", "dpmpp_2m"),
        ("UniPCMultistepScheduler", "unipc"),
        ("HeunDiscreteScheduler", "heun"),
        ("DDIMScheduler", "ddim"),
        ("LCMScheduler", "lcm"),
        ("k_euler", "euler"),
        ("k_euler_a", "euler_a"),
        ("K_EULER_ANCESTRAL", "euler_a"),
        ("k_dpmpp_2m", "dpmpp_2m"),
        ("Euler a", "euler_a"),
        ("DPM++ 2M", "dpmpp_2m"),
        ("DPM++ 2M Karras", "dpmpp_2m_karras"),
        ("DPM++ 2M SDE Karras", "dpmpp_2m_sde_karras"),
        ("DPM++ SDE", "dpmpp_2m_sde"),
        ("UniPC", "unipc"),
        ("Heun", "heun"),
        ("DDIM", "ddim"),
        ("LCM", "lcm"),
    ],
)
def test_the_worlds_names_are_understood(name: str, sampler: str) -> None:
    assert sampler_named(name) == sampler


@pytest.mark.parametrize("name", ["", "karras", "LCM Karras", "PLMS", "euler; drop table", "\ud800"])
def test_other_names_are_refused_with_a_list(name: str) -> None:
    with pytest.raises(TaskRefused, match="euler, ") as refused:
        sampler_named(name)
    assert refused.value.field == "sampler"
