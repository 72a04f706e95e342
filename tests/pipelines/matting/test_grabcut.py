"""Without a network, what is unlike the border of a picture is its foreground."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipelines.matting.grabcut import grabcut_mask
from tests.pipelines.matting.scenes import GROUNDS, disc, iou


@pytest.mark.parametrize("ground", GROUNDS)
def test_a_disc_is_found_on(ground: str) -> None:
    picture, truth = disc(ground, 240, 160)
    mask = grabcut_mask(picture)
    assert (mask.mode, mask.size) == ("L", picture.size)
    assert iou(mask, truth) >= 0.95


def test_two_things_are_found_and_the_hole_of_a_ring_is_not_one() -> None:
    picture = Image.new("RGB", (200, 120), "white")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((20, 30, 80, 90), outline="purple", width=16)
    pen.rectangle((130, 40, 170, 80), fill="teal")
    mask = np.asarray(grabcut_mask(picture))
    assert mask[60, 25] > 250  # the ring
    assert mask[60, 150] > 250  # the square
    assert mask[60, 50] < 5  # the hole
    assert mask[60, 105] < 5  # between them


def test_a_large_picture_is_looked_at_small() -> None:
    picture, truth = disc("stripes", 2000, 1500)
    mask = grabcut_mask(picture)
    assert mask.size == (2000, 1500)
    assert iou(mask, truth) >= 0.95


def test_the_same_picture_has_the_same_mask() -> None:
    picture, _ = disc("gradient", 120, 90)
    assert grabcut_mask(picture).tobytes() == grabcut_mask(picture).tobytes()


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 2), (3, 3), (40_000, 1), (1, 700), (64, 48)],
    ids=["a pixel", "four", "nine", "a line", "a column", "even"],
)  # fmt: skip
def test_in_an_even_picture_there_is_no_foreground(size: tuple[int, int]) -> None:
    mask = grabcut_mask(Image.new("RGB", size, (90, 120, 200)))
    assert mask.size == size
    assert mask.getextrema() == (0, 0)


@pytest.mark.parametrize("size", [(40_000, 1), (1, 700), (5, 4), (700, 3)], ids=["a line", "a column", "tiny", "thin"])
def test_noise_of_any_size_is_no_trouble(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    assert grabcut_mask(Image.fromarray(noise)).size == size
