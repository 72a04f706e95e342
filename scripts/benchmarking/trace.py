"""Mixed traffic: tasks of three kinds, three sizes and several lengths, and the moments when they arrive."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from pipelines.tasks import Drawn, ImageToImage, Inpaint, Raster, TextToImage

KINDS = {"text_to_image": 60, "image_to_image": 25, "inpaint": 15}  # percent
SIZE_SHARES = (60, 25, 15)  # percent, of the sizes in their order
GUIDANCE = (3.0, 4.0, 5.0, 7.0)
SAMPLERS = ("euler", "dpmpp_2m_karras", "ddim")


@dataclass(frozen=True, slots=True)
class Mix:
    """What tasks are drawn from. sizes: three, width and height in pixels; steps: equally likely."""

    model: str
    sizes: Sequence[tuple[int, int]]
    steps: Sequence[int]


def mixed_tasks(mix: Mix, count: int, seed: int) -> list[Drawn]:
    random = Random(seed)
    return [_task(mix, random, index) for index in range(count)]


def poisson(count: int, rate: float, seed: int) -> list[float]:
    """Seconds at which `count` tasks arrive, `rate` of them a second.

    Given how many arrive, the arrivals of a Poisson process are spread evenly and independently (Ross, Introduction to
    Probability Models, section 5.3.5); so the rate of a short trace is exactly what was asked for.
    """
    random = Random(seed)
    return sorted(random.uniform(0, count / rate) for _ in range(count))


def _task(mix: Mix, random: Random, index: int) -> Drawn:
    width, height = random.choices(mix.sizes, SIZE_SHARES)[0]
    kind = random.choices(list(KINDS), list(KINDS.values()))[0]
    said: dict[str, Any] = {
        "model": mix.model,
        "prompt": f"a big {random.choice(('red', 'yellow', 'blue'))} star on a black background",
        "negative_prompt": "",
        "width": width,
        "height": height,
        "steps": random.choice(mix.steps),
        "guidance_scale": random.choice(GUIDANCE),
        "sampler": random.choice(SAMPLERS),
        "seed": index,
    }
    image = Raster(width, height, bytes(range(256)) * (width * height * 3 // 256))
    if kind == "image_to_image":
        return ImageToImage(**said, image=image, strength=0.6)
    if kind == "inpaint":
        upper_half = Raster(width, height, b"\xff" * (width * height // 2) + bytes(width * height // 2))
        return Inpaint(**said, image=image, mask=upper_half, strength=0.8)
    return TextToImage(**said)
