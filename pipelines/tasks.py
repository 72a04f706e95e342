"""The vocabulary: what can be asked for (Task) and what comes out (Picture). Standard library only.

A Task is complete: every default has been filled in by `pipelines.planning` from the model's entry in the catalogue,
so that the same task draws the same picture tomorrow.
"""

from dataclasses import dataclass

KARRAS = "_karras"  # a sampler's name with this at its end: the same at Karras' noise levels
SAMPLERS = (
    "euler",
    "euler_karras",
    "euler_a",
    "heun",
    "heun_karras",
    "ddim",
    "dpmpp_2m",
    "dpmpp_2m_karras",
    "dpmpp_2m_sde",
    "dpmpp_2m_sde_karras",
    "unipc",
    "unipc_karras",
    "lcm",
)
SEED_LIMIT = 2**63  # seeds are 0 <= seed < SEED_LIMIT, and so is seed + index of the last picture


@dataclass(frozen=True, slots=True)
class TextToImage:
    """Draw `count` pictures of `prompt`; picture i starts from the noise of `seed + i`.

    width, height: pixels of the result. steps: sampling steps. guidance_scale: weight of classifier-free guidance,
    1 is none (Ho and Salimans, 2022, arXiv 2207.12598). sampler: a name of SAMPLERS.
    """

    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    sampler: str
    seed: int
    count: int = 1


Task = TextToImage  # becomes a union as kinds of task are added


@dataclass(frozen=True, slots=True)
class Picture:
    """One result in memory: `pixels` are height * width * 3 bytes of RGB, rows from the top.

    rendered: the width and height that the model drew, where it differs from the size asked for the picture was
    enlarged or reduced (`pipelines.sizes`). model: the id of the model that drew it.
    """

    width: int
    height: int
    pixels: bytes
    seed: int
    rendered: tuple[int, int]
    model: str
