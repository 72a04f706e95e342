"""What the world calls our samplers: diffusers' classes, k-diffusion's functions, AUTOMATIC1111's labels."""

import re

from pipelines.errors import TaskRefused
from pipelines.tasks import KARRAS, SAMPLERS

# Without case, spaces, signs, and the words Karras and Scheduler, which any of them may end with.
ALIASES = {
    "euler": "euler",
    "keuler": "euler",
    "eulerdiscrete": "euler",
    "eulera": "euler_a",
    "keulera": "euler_a",
    "eulerancestral": "euler_a",
    "keulerancestral": "euler_a",
    "eulerancestraldiscrete": "euler_a",
    "heun": "heun",
    "kheun": "heun",
    "heundiscrete": "heun",
    "ddim": "ddim",
    "dpmpp2m": "dpmpp_2m",
    "kdpmpp2m": "dpmpp_2m",
    "dpmsolvermultistep": "dpmpp_2m",
    "dpmpp2msde": "dpmpp_2m_sde",
    "kdpmpp2msde": "dpmpp_2m_sde",
    # The single-step form asks the model twice a step for much the same picture; it is drawn by the multistep form.
    "dpmppsde": "dpmpp_2m_sde",
    "kdpmppsde": "dpmpp_2m_sde",
    "unipc": "unipc",
    "unipcmultistep": "unipc",
    "lcm": "lcm",
}


def sampler_named(name: str) -> str:
    """The sampler of SAMPLERS that a name means, in whatever manner it is written. Raises TaskRefused."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower().replace("++", "pp"))
    solver = ALIASES.get(plain.removesuffix("karras").removesuffix("scheduler"))
    sampler = f"{solver}{KARRAS}" if plain.endswith("karras") else solver
    if sampler not in SAMPLERS:
        raise TaskRefused(f"sampler must be one of {', '.join(SAMPLERS)}.", field="sampler")
    return sampler
