"""Annotators find the border of what was drawn, and find nothing where nothing was."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.annotators import ANNOTATORS, canny, invert, lineart, scribble
from pipelines.demo.draw import SUPERSAMPLING, draw_thing, shape_mask
from pipelines.demo.world import COLOURS
from pipelines.tasks import ANNOTATORS as NAMES

SIDE, CENTRE, RADIUS = 128, (60.0, 70.0), 40.0
BRIGHT = 128
FINDERS = {"canny": canny, "scribble": scribble, "lineart": lineart}


def drawn(shape: str, colour: str, background: str) -> Image.Image:
    canvas = Image.new("RGB", (SIDE * SUPERSAMPLING, SIDE * SUPERSAMPLING), COLOURS[background])
    draw_thing(canvas, shape, COLOURS[colour], COLOURS[background], CENTRE, RADIUS)
    return canvas.reduce(SUPERSAMPLING)


def distance_to(marked: np.ndarray) -> np.ndarray:
    """Pixels from each pixel to the nearest that is marked."""
    return cv2.distanceTransform((~marked).astype(np.uint8), cv2.DIST_L2, 5)


def border(shape: str) -> np.ndarray:
    inside = np.asarray(shape_mask(shape, SIDE, SIDE, CENTRE, RADIUS)) > BRIGHT
    return inside & ~cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)


@pytest.mark.parametrize("name", FINDERS)
@pytest.mark.parametrize(
    ("shape", "colour", "background"),
    [
        ("triangle", "red", "white"),
        ("star", "yellow", "blue"),
        ("ring", "black", "cyan"),
        ("circle", "green", "gray"),  # of nearly the same brightness
    ],
)
def test_the_lines_lie_where_the_shapes_border_is(name: str, shape: str, colour: str, background: str) -> None:
    lines = np.asarray(FINDERS[name](drawn(shape, colour, background)))
    assert lines.shape == (SIDE, SIDE, 3)
    assert (lines == lines[..., :1]).all()  # gray
    found, expected = lines[..., 0] > BRIGHT, border(shape)
    assert distance_to(expected)[found].max() <= 4
    assert (distance_to(found)[expected] <= 3).mean() > 0.95


def test_a_scribble_is_bolder_than_an_edge() -> None:
    picture = drawn("heart", "red", "white")
    thin, bold = ((np.asarray(finder(picture)) > BRIGHT).sum() for finder in (canny, scribble))
    assert bold > 2 * thin > 0


def test_the_thresholds_say_how_faint_an_edge_may_be() -> None:
    picture = Image.new("RGB", (64, 64), (100, 100, 100))
    picture.paste((110, 110, 110), (16, 16, 48, 48))
    assert not np.asarray(canny(picture)).any()
    assert np.asarray(canny(picture, low=10, high=20)).any()


@pytest.mark.parametrize("name", FINDERS)
def test_where_nothing_is_drawn_there_are_no_lines(name: str) -> None:
    assert not np.asarray(FINDERS[name](Image.new("RGB", (64, 48), COLOURS["pink"]))).any()


def test_inverted_lines_change_their_places_with_the_paper() -> None:
    ink = Image.new("RGB", (3, 1), "white")
    ink.putpixel((1, 0), (0, 0, 0))
    assert invert(ink).tobytes() == bytes([0, 0, 0, 255, 255, 255, 0, 0, 0])


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
@pytest.mark.parametrize("size", [(1, 1), (2, 300), (65, 8)], ids=str)
@pytest.mark.parametrize("annotator", ANNOTATORS.values(), ids=ANNOTATORS)
def test_every_picture_gives_one_of_its_size(
    annotator: Callable[[Image.Image], Image.Image], size: tuple[int, int], mode: str
) -> None:
    made = annotator(Image.effect_noise(size, 60).convert(mode))
    assert (made.size, made.mode) == (size, "RGB")


def test_there_is_an_annotator_for_every_name_but_the_one_that_takes_a_model() -> None:
    assert {*ANNOTATORS, "depth"} == set(NAMES)
