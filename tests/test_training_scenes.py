"""The lessons of networks that find things are true: masks lie where things are, and the judge has his own scenes."""

from random import Random

import pipelines.torchvision_ops  # noqa: F401  # before transformers

import numpy as np
import pytest
from PIL import Image

from pipelines.demo.world import COLOURS
from training.scenes import GROUNDS, Found, scene
from training.segment import NAMES, PATCH, SKIPPED, ask, names_of_patches

SIDE = 96


def white(thing: Found) -> np.ndarray:
    return np.asarray(thing.mask) == 255


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_thing_has_its_colour_where_its_mask_is(ground: str, count: int) -> None:
    for seed in range(8):
        picture, things = scene(Random(seed), SIDE, count, ground, held_out=False)
        pixels = np.asarray(picture).astype(int)
        assert (picture.size, len(things)) == ((SIDE, SIDE), count)
        for thing in things:
            assert white(thing).sum() > 40
            assert np.abs(pixels[white(thing)] - COLOURS[thing.colour]).max() <= 1
        nowhere = np.sum([np.asarray(thing.mask) > 0 for thing in things], axis=0)
        assert nowhere.max() == 1  # no two things touch


@pytest.mark.parametrize("ground", ["plain", "stripes", "checks", "gradient"])
def test_what_lies_behind_differs_from_every_thing(ground: str) -> None:
    for seed in range(8):
        picture, things = scene(Random(seed), SIDE, 2, ground, held_out=False)
        behind = np.max([np.asarray(thing.mask) for thing in things], axis=0) == 0
        for thing in things:
            distance = np.linalg.norm(np.float32(picture)[behind] - np.float32(COLOURS[thing.colour]), axis=-1)
            assert distance.min() > 55


def test_the_same_seed_draws_the_same_scene_and_the_judge_has_his_own() -> None:
    drawn = [scene(Random(7), SIDE, 2, held_out=held_out)[0].tobytes() for held_out in (False, False, True)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_prompt_names_what_its_mask_shows_and_what_is_absent_has_none() -> None:
    random, absent = Random(3), 0
    for _ in range(150):
        _, things = scene(random, SIDE, 3, held_out=False)
        words, name, truth = ask(things, random)
        said = words.replace("grey", "gray")
        assert said.endswith(name) or f"{name} in" in said
        meant = [thing for thing in things if thing.name in said] or [thing for thing in things if bare(said, thing)]
        assert np.array_equal(np.asarray(truth), union(meant))
        absent += not meant
    assert 20 <= absent <= 60


def test_each_patch_is_called_what_covers_it() -> None:
    _, things = scene(Random(5), SIDE, 1, held_out=False)
    (thing,), names = things, names_of_patches(things)
    middle = np.argwhere(white(thing)).mean(0).astype(int) // PATCH
    for at, word in enumerate((thing.colour, thing.shape)):
        named = names[:, at].reshape(SIDE // PATCH, SIDE // PATCH)
        number = NAMES[at].index(word) + 1
        assert set(np.unique(named)) <= {0, number, SKIPPED}
        assert named[tuple(middle)] == number
        empty = np.asarray(thing.mask).reshape(SIDE // PATCH, PATCH, -1, PATCH).max((1, 3)) == 0
        assert (named[empty] == 0).all()


def bare(words: str, thing: Found) -> bool:
    """Whether the words name the thing's shape and no colour."""
    return thing.shape in words and not any(colour in words.split() for colour in COLOURS)


def union(things: list[Found]) -> np.ndarray:
    empty = np.asarray(Image.new("L", (SIDE, SIDE)))
    return np.max([empty, *(np.asarray(thing.mask) for thing in things)], axis=0)
