"""What the engine's tests share: an engine with everything that it told, and tasks of every kind in random company."""

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from pipelines.canvas import raster_of
from pipelines.catalog import Catalog
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import random_scene
from pipelines.engine.loop import Engine
from pipelines.engine.memory import Memory
from pipelines.engine.protocol import Event, Finished
from pipelines.engine.rows import Rows
from pipelines.registry import Registry
from pipelines.tasks import (
    FILLS,
    SAMPLERS,
    FirstPass,
    ImageToImage,
    Inpaint,
    Outpaint,
    Picture,
    Raster,
    Task,
    TextToImage,
    Variation,
)


class Listening:
    """An engine, and everything that it told. time: what its clock says."""

    def __init__(self, catalog: Catalog, registry: Registry, rows: Rows | None = None) -> None:
        self.told: list[Event] = []
        self.time = 0.0
        self.engine = Engine(catalog, registry, self.told.append, Memory(rows or Rows()), clock=lambda: self.time)

    def of(self, job_id: str) -> list[Event]:
        return [event for event in self.told if event.job_id == job_id]

    def pictures(self, job_id: str) -> tuple[Picture, ...]:
        last = self.of(job_id)[-1]
        assert isinstance(last, Finished)
        return last.pictures

    def turn_until_idle(self) -> None:
        while self.engine.turn():
            pass


def pixels(picture: Picture) -> np.ndarray:
    return np.frombuffer(picture.pixels, np.uint8).reshape(picture.height, picture.width, 3).astype(int)


def farthest(one: Picture, other: Picture) -> int:
    """The largest difference of any channel, in levels of 255."""
    return int(np.abs(pixels(one) - pixels(other)).max())


def random_picture(random: Random, width: int, height: int) -> Raster:
    return raster_of(draw_scene(random_scene(random, held_out=False), width, height, random))


def random_mask(random: Random, width: int, height: int) -> Raster:
    levels = np.zeros((height, width), np.uint8)
    left, top = random.randrange(width - 16), random.randrange(height - 16)
    levels[top : top + random.randint(8, height), left : left + random.randint(8, width)] = 255
    return Raster(width, height, levels.tobytes())


def random_task(random: Random) -> Task:
    """Any kind, sampler, length, size and prompt."""
    width, height = random.choice([(64, 64), (64, 64), (96, 64)])
    said: dict[str, Any] = {
        "model": "tiny",
        "prompt": random.choice(
            ["a red star", "a [red|blue] [ring:very tall star:0.5]", "", "a blue ring, " + "very " * 40 + "small"]
        ),
        "negative_prompt": random.choice(["", "green"]),
        "width": width,
        "height": height,
        "steps": random.randint(2, 6),
        "guidance_scale": random.choice([1.0, 4.0, 7.5]),
        "guidance_rescale": random.choice([0.0, 0.0, 0.7]),
        "guidance_interval": random.choice([(0.0, 1.0), (0.0, 1.0), (0.2, 0.6)]),
        "variation": random.choice([None, None, Variation(random.randrange(1000), 0.3)]),
        "sampler": random.choice(SAMPLERS),
        "seed": random.randrange(1000),
        "count": random.choice([1, 1, 2]),
    }
    return random.choice(KINDS)(random, said)


def _text_to_image(random: Random, said: dict[str, Any]) -> Task:
    first_pass = random.choice([None, FirstPass(64, 64, 3, 0.5)]) if said["width"] > 64 else None
    return TextToImage(**said, first_pass=first_pass)


def _image_to_image(random: Random, said: dict[str, Any]) -> Task:
    return ImageToImage(**said, image=random_picture(random, 80, 64), strength=random.choice([0.5, 0.8, 1.0]))


def _inpaint(random: Random, said: dict[str, Any]) -> Task:
    return Inpaint(
        **said,
        image=random_picture(random, 80, 64),
        mask=random_mask(random, 80, 64),
        strength=random.choice([0.5, 1.0]),
        mask_blur=random.choice([0, 4]),
        fill=random.choice(FILLS),
        only_masked=random.choice([False, True]),
    )


def _outpaint(random: Random, said: dict[str, Any]) -> Task:
    image = random_picture(random, said["width"] - 24, said["height"] - 8)
    return Outpaint(**said, image=image, left=24, top=0, right=0, bottom=8, feather=random.choice([0, 6]))


KINDS: tuple[Callable[[Random, dict[str, Any]], Task], ...] = (_text_to_image, _image_to_image, _inpaint, _outpaint)
