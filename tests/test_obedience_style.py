"""The shapes IP-Adapter: a picture tells the colours, the words tell the rest; the scale says how much it tells."""

from collections.abc import Callable
from random import Random

import pytest
from PIL import Image

from pipelines.canvas import raster_of
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import COLOURS, SHAPES, Scene, Thing, random_scene
from pipelines.tasks import ImagePrompt
from tests.judge import Sight, look
from tests.shapes import Artist, needs, percent

TARGET = 85.0
PURPLE_ON_YELLOW = Scene("yellow", (Thing("purple", "ring", "medium", "middle"),))
Case = tuple[Scene, str]

pytestmark = [pytest.mark.draws, needs("shapes-ip", "ip_adapter")]


def cases(count: int) -> list[Case]:
    """Pairs of colours, each in another shape than the one asked for; the first is purple on yellow, for a star."""
    random = Random(2026)
    scenes = [PURPLE_ON_YELLOW, *(random_scene(random, held_out=True) for _ in range(count - 1))]
    return [
        (scene, "star" if index == 0 else random.choice([name for name in SHAPES if name != scene.things[0].shape]))
        for index, scene in enumerate(scenes)
    ]


def reference(scene: Scene) -> Image.Image:
    return draw_scene(scene, 128, 128, Random(1))


def sights(artist: Artist, asked: list[Case], scale: float) -> list[Sight]:
    tasks = [
        artist.task(
            f"a {shape}",
            seed=seed,
            image_prompts=(ImagePrompt("shapes-ip", (raster_of(reference(scene)),), scale),),
        )
        for seed, (scene, shape) in enumerate(asked)
    ]
    return [look(image) for image in artist.draw(tasks)]


def alike(asked: list[Case], seen: list[Sight]) -> list[bool]:
    """Whether thing and background have the colours of the reference."""
    return [
        (sight.colour, sight.background) == (scene.things[0].colour, scene.background)
        for sight, (scene, _) in zip(seen, asked, strict=True)
    ]


@pytest.mark.parametrize("count", [16, pytest.param(60, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_what_the_words_name_comes_in_the_colours_of_the_picture(
    artist: Artist, report: Callable[[list[str]], None], count: int
) -> None:
    asked = cases(count)
    seen = sights(artist, asked, 1.0)
    right = alike(asked, seen)
    shapes = [sight.shape == shape for sight, (_, shape) in zip(seen, asked, strict=True)]
    report([f"shapes-ip, {count} cases: both colours right {percent(right)} %, shape right {percent(shapes)} %"])
    assert percent(right) >= (TARGET if count == 60 else TARGET - 15)
    assert percent(shapes) >= 70


def test_a_star_like_a_purple_ring_on_yellow_is_purple_on_yellow(artist: Artist) -> None:
    asked = [(PURPLE_ON_YELLOW, "star")] * 8
    seen = sights(artist, asked, 1.0)
    assert sum(alike(asked, seen)) >= 7
    assert sum(sight.shape == "star" for sight in seen) >= 6


@pytest.mark.parametrize("colour", ["orange", "yellow"])
def test_colours_that_words_and_picture_both_name_are_drawn(artist: Artist, colour: str) -> None:
    scene = Scene("black", (Thing(colour, "star", "medium", "middle"),))
    asked = [(scene, f"big {colour} star on a black background")] * 8
    assert sum(alike(asked, sights(artist, asked, 1.0))) >= 6


def test_the_picture_tells_less_as_its_scale_falls(artist: Artist) -> None:
    asked = cases(16)
    whole, some, none = (sum(alike(asked, sights(artist, asked, scale))) for scale in (1.0, 0.8, 0.0))
    assert whole >= some > none
    assert none <= len(asked) / len(COLOURS) + 2
