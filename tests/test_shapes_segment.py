"""The shapes CLIPSeg: words find the thing that they name among others, and nothing where it is not."""

from collections.abc import Callable
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.canvas import picture_of, raster_of
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import COLOURS, Scene, Thing
from pipelines.drain import draw
from pipelines.errors import NothingFound
from pipelines.planning import search_and_recolor
from pipelines.segment import Segmenter, load_segmenter
from tests.judge import look_at_pair, overlap
from tests.shapes import FOLDER, Artist, needs
from training.scenes import Found, scene

TARGET = 0.7
LEAST_EMPTY = 0.85  # of the times that nothing is there, nothing is found

pytestmark = [pytest.mark.draws, needs("shapes-clipseg", "segment")]


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter(FOLDER.parent / "shapes-clipseg", torch.device("cpu"), torch.float32)


def pictures(count: int) -> list[tuple[Image.Image, list[Found]]]:
    random = Random(2026)
    return [scene(random, 128, random.choice((2, 3)), held_out=True) for _ in range(count)]


@pytest.mark.parametrize("count", [24, pytest.param(200, marks=pytest.mark.full)])
def test_words_find_what_they_name_and_nothing_that_is_not_there(
    segmenter: Segmenter, report: Callable[[list[str]], None], count: int
) -> None:
    shown = pictures(count)
    named = segmenter.masks([(image, f"the {things[0].name}") for image, things in shown])
    overlaps = [
        0.0 if isinstance(mask, NothingFound) else overlap(np.asarray(mask) > 127, np.asarray(things[0].mask) > 127)
        for mask, (_, things) in zip(named, shown, strict=True)
    ]
    absent = segmenter.masks([(image, f"the {_absent(things)}") for image, things in shown])
    empty = float(np.mean([isinstance(mask, NothingFound) for mask in absent]))
    found = f"mean IoU {np.mean(overlaps):.3f}; nothing found of what is not there: {100 * empty:.0f} %"
    report([f"shapes-clipseg, {count} pictures: {found}"])
    assert np.mean(overlaps) >= TARGET
    assert empty >= LEAST_EMPTY


def _absent(things: list[Found]) -> str:
    """The first thing's shape in a colour that nothing in the picture has."""
    colour = next(name for name in sorted(COLOURS) if name not in {thing.colour for thing in things})
    return f"{colour} {things[0].shape}"


def test_the_green_square_alone_is_painted(artist: Artist) -> None:
    things = Thing("red", "circle", "medium", "left"), Thing("green", "square", "medium", "right")
    before = draw_scene(Scene("white", things, "left of"), 128, 128, Random(0))
    task = search_and_recolor(
        artist.catalog,
        image=raster_of(before),
        select_prompt="the green square",
        colour="blue",
        segmenter="shapes-clipseg",
    )
    ((picture, *_),) = draw(artist.catalog, artist.registry, [task])
    after = picture_of(picture)
    left, right = look_at_pair(after, "left of")
    assert (left.colour, left.shape) == ("red", "circle")
    assert (right.colour, right.shape) == ("blue", "square")
