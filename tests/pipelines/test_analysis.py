"""What is said of a picture holds for what can be seen in it."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipelines.analysis import dominant_colours, marked, perceptual_hash, sharpness
from pipelines.filters.table import chain, filtered

RED, GREEN, BLUE = (220, 40, 40), (40, 170, 70), (40, 80, 220)
SIZES = pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 300)], ids=["a pixel", "a row", "a column"])


def scene(place: int = 60, size: int = 200) -> Image.Image:
    """A red disc and a green bar on blue."""
    picture = Image.new("RGB", (size, size), BLUE)
    pen = ImageDraw.Draw(picture)
    pen.ellipse((place, 40, place + 60, 100), fill=RED)
    pen.rectangle((0, 160, size, 179), fill=GREEN)
    return picture


def apart(one: str, other: str) -> int:
    """In how many bits two hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_the_colours_of_a_picture_come_with_their_shares_the_commonest_first() -> None:
    colours = dominant_colours(scene())
    assert [colour.hex for colour in colours[:3]] == ["#2850dc", "#28aa46", "#dc2828"]
    assert [colour.share for colour in colours[:3]] == pytest.approx([0.83, 0.1, 0.07], abs=0.01)
    assert sum(colour.share for colour in colours) == pytest.approx(1)


def test_there_are_no_more_colours_than_asked() -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (50, 50, 3), dtype=np.uint8))
    assert len(dominant_colours(noise, 4)) == 4
    assert [colour.hex for colour in dominant_colours(Image.new("RGB", (9, 9), RED), 4)] == ["#dc2828"]


def test_what_is_transparent_has_no_colour() -> None:
    picture = Image.new("RGBA", (20, 20), (*RED, 0))
    assert dominant_colours(picture) == ()
    picture.paste((*GREEN, 255), (0, 0, 5, 5))
    assert [(colour.hex, colour.share) for colour in dominant_colours(picture)] == [("#28aa46", 1.0)]


@pytest.mark.parametrize(
    ("name", "said"),
    [("brightness", {"value": 0.8}), ("blur", {"radius": 2}), ("noise", {"intensity": 0.02}), ("hue", {"degrees": 5})],
)
def test_a_picture_that_looks_alike_has_nearly_the_same_hash(name: str, said: dict[str, float]) -> None:
    assert apart(perceptual_hash(scene()), perceptual_hash(filtered(scene(), chain([(name, said)])))) <= 8


def test_the_hash_of_a_smaller_copy_is_nearly_the_same_and_of_another_picture_is_not() -> None:
    own = perceptual_hash(scene())
    assert apart(own, perceptual_hash(scene().resize((90, 90), Image.Resampling.LANCZOS))) <= 4
    assert apart(own, perceptual_hash(scene().transpose(Image.Transpose.ROTATE_90))) >= 16
    assert apart(own, perceptual_hash(scene(place=130))) >= 12


def test_an_even_picture_has_the_same_hash_whatever_its_colour() -> None:
    assert {perceptual_hash(Image.new("RGB", (70, 30), colour)) for colour in (RED, GREEN, BLUE)} == {"0" * 16}


def test_blur_makes_a_picture_less_sharp() -> None:
    figures = [sharpness(filtered(scene(), chain([("blur", {"radius": radius})]))) for radius in (0, 1, 4)]
    assert figures[0] > figures[1] > figures[2] > 0
    assert sharpness(Image.new("RGB", (50, 50), RED)) == 0


@SIZES
def test_a_picture_of_any_size_can_be_read(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, GREEN)
    assert [colour.hex for colour in dominant_colours(picture)] == ["#28aa46"]
    assert (perceptual_hash(picture), sharpness(picture)) == ("0" * 16, 0)


def test_a_mask_is_told_by_its_share_and_its_parts_the_largest_first() -> None:
    mask = Image.new("L", (100, 50))
    mask.paste(255, (2, 3, 12, 13))
    mask.paste(1, (40, 10, 90, 40))
    told = marked(mask)
    assert told.share == pytest.approx((100 + 1500) / 5000)
    assert told.boxes == ((40, 10, 90, 40), (2, 3, 12, 13))


def test_an_empty_mask_has_no_parts_and_a_full_one_is_all() -> None:
    assert marked(Image.new("L", (30, 20))).boxes == ()
    full = marked(Image.new("L", (30, 20), 255))
    assert (full.share, full.boxes) == (1, ((0, 0, 30, 20),))
