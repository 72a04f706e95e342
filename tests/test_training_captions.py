"""Captions that training reads, as far as they are more than sentences."""

import re
from random import Random

import pytest

from pipelines.demo.captions import sentence
from pipelines.demo.world import COLOURS, random_scene
from training.captions import HEAVY, LIGHT, weighed


@pytest.mark.parametrize("seed", range(40))
def test_of_two_weighed_colours_the_true_one_is_the_heavier(seed: int) -> None:
    random = Random(seed)
    scene = random_scene(random, held_out=False)
    true = scene.things[0].colour
    text = weighed(sentence(scene, random), true, random)
    weights = {word: float(weight) for word, weight in re.findall(r"\((\w+):([\d.]+)\)", text)}
    assert set(weights) < set(COLOURS)
    assert len(weights) == 2
    assert HEAVY[0] <= weights.pop(true) <= HEAVY[1]
    (other,) = weights
    assert other != scene.background
    assert LIGHT[0] <= weights[other] <= LIGHT[1]
