"""The judge must be right about drawn scenes, or its word about generated ones is worth nothing."""

from random import Random

import numpy as np
import pytest
from PIL import Image

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import SHAPES, Scene, Thing, random_scene
from tests.judge import look, verdict

SIZES = [(128, 128), (160, 96), (96, 160), (192, 192), (64, 64), (256, 256)]


@pytest.mark.parametrize(("width", "height"), SIZES, ids=lambda side: str(side))
def test_the_judge_sees_every_property_of_a_drawn_scene(width: int, height: int) -> None:
    random = Random(width * height)
    for _ in range(40):
        scene = random_scene(random, held_out=False)
        assert all(verdict(draw_scene(scene, width, height, random), scene).values()), scene.name


def test_the_judge_sees_both_things_of_a_drawn_pair() -> None:
    random = Random(2)
    for _ in range(40):
        scene = random_scene(random, held_out=False, pair=True)
        assert all(verdict(draw_scene(scene, 128, 128, random), scene).values()), scene.name


@pytest.mark.parametrize("shape", SHAPES)
def test_the_judge_says_wrong_when_one_property_differs(shape: str) -> None:
    other = SHAPES[(SHAPES.index(shape) + 1) % len(SHAPES)]
    drawn = Scene("white", (Thing("red", shape, "big", "left"),))
    image = draw_scene(drawn, 128, 128, Random(0))
    lies = {
        "background": Scene("black", drawn.things),
        "colour": Scene("white", (Thing("orange", shape, "big", "left"),)),
        "place": Scene("white", (Thing("red", shape, "big", "right"),)),
        "shape": Scene("white", (Thing("red", other, "big", "left"),)),
        "size": Scene("white", (Thing("red", shape, "small", "left"),)),
    }
    for name, lie in lies.items():
        assert [key for key, right in verdict(image, lie).items() if not right] == [name]


def test_the_judge_sees_nothing_in_an_empty_picture_and_no_shape_in_noise() -> None:
    assert look(Image.new("RGB", (128, 128), (40, 80, 220))).colour == ""
    noise = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    assert look(Image.fromarray(noise)).iou < 0.75


def test_the_judge_overlooks_a_tinted_background_and_specks() -> None:
    random, numbers = Random(4), np.random.default_rng(4)
    for _ in range(20):
        scene = random_scene(random, held_out=False)
        pixels = np.asarray(draw_scene(scene, 128, 128, random), dtype=float)
        pixels += numbers.uniform(-16, 16, 3) + numbers.normal(0, 6, pixels.shape)
        for x, y in numbers.integers(0, 126, (12, 2)):
            pixels[y : y + 2, x : x + 2] = numbers.integers(0, 256, 3)
        spoilt = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        seen = look(spoilt)
        (thing,) = scene.things
        assert (seen.shape, seen.place, seen.size) == (thing.shape, thing.place, thing.size), scene.name
