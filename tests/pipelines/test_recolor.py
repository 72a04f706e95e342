"""Another colour keeps the light and shade of what it is put on, and touches nothing else."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipelines.colours import Colour, colour_of, named_in
from pipelines.errors import TaskRefused
from pipelines.recolor import dilated, recoloured, tinted

RED, GREEN = (220, 40, 40), (40, 170, 70)


def shaded(width: int = 120, height: int = 60) -> Image.Image:
    """Red, dark on the left and light on the right."""
    light = np.linspace(0.4, 1, width, dtype=np.float32)[None, :, None]
    return Image.fromarray(np.broadcast_to(np.float32(RED) * light, (height, width, 3)).astype(np.uint8))


def lightness(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """L* of each pixel, 0 to 100."""
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 0])


def full(picture: Image.Image, level: int = 255) -> Image.Image:
    return Image.new("L", picture.size, level)


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("teal", (0, 128, 128)),
        (" Red ", (255, 0, 0)),
        ("#28aa46", GREEN),
        ("#fa0", (255, 170, 0)),
        ("rgb(1, 2, 3)", (1, 2, 3)),
    ],
)
def test_colours_are_names_or_hexadecimal(text: str, colour: Colour) -> None:
    assert colour_of(text, "color") == colour


@pytest.mark.parametrize("text", ["", "rainbow", "#12", "28aa46", "#" + "a" * 5000, "red;drop"])
def test_what_is_no_colour_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(TaskRefused) as refusal:
        colour_of(text, "color")
    assert refusal.value.field == "color"
    assert not text or text not in refusal.value.sentence


@pytest.mark.parametrize("colour", [GREEN, (245, 245, 245), (20, 20, 20), (140, 60, 190)])
def test_an_even_part_gets_the_colour_itself(colour: Colour) -> None:
    picture = Image.new("RGB", (20, 10), RED)
    assert np.asarray(recoloured(picture, full(picture), colour)) == pytest.approx(
        np.broadcast_to(colour, (10, 20, 3)), abs=1
    )


def test_light_and_shade_are_kept() -> None:
    after = np.asarray(recoloured(shaded(), full(shaded()), GREEN))
    light_before, light = lightness(np.asarray(shaded())), lightness(after)
    assert light - light.mean() == pytest.approx(light_before - light_before.mean(), abs=2)
    assert (after[..., 1] > after[..., 0]).all()  # green, dark and light
    assert (after[..., 1] > after[..., 2]).all()


def test_black_and_white_within_the_part_stay_nearly_so() -> None:
    picture = Image.new("RGB", (90, 30), RED)
    picture.paste("white", (0, 0, 10, 30))
    picture.paste("black", (80, 0, 90, 30))
    after = np.asarray(recoloured(picture, full(picture), GREEN)).astype(int)
    assert np.ptp(after[15, 5]) <= 12
    assert after[15, 5].min() >= 235
    assert after[15, 85].max() <= 40


def test_nothing_outside_the_mask_changes_and_a_soft_edge_mixes() -> None:
    picture = Image.new("RGB", (30, 10), RED)
    mask = Image.new("L", (30, 10))
    mask.paste(255, (10, 0, 20, 10))
    mask.paste(128, (20, 0, 30, 10))
    after = np.asarray(recoloured(picture, mask, GREEN)).astype(int)
    assert (after[:, :10] == RED).all()
    assert after[5, 15] == pytest.approx(GREEN, abs=1)
    assert after[5, 25] == pytest.approx((np.array(RED) + GREEN) / 2, abs=2)


def test_an_empty_mask_changes_nothing() -> None:
    assert recoloured(shaded(), full(shaded(), 0), GREEN).tobytes() == shaded().tobytes()


@pytest.mark.parametrize("size", [(1, 1), (40_000, 1), (1, 700)], ids=["a pixel", "a line", "a column"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK"])
def test_a_picture_of_any_size_and_mode_is_recoloured(size: tuple[int, int], mode: str) -> None:
    picture = Image.new("RGB", size, RED).convert(mode)
    after = recoloured(picture, full(picture), GREEN)
    assert (after.mode, after.size) == ("RGBA" if mode == "RGBA" else "RGB", size)
    assert np.asarray(after.convert("RGB")) == pytest.approx(np.broadcast_to(GREEN, (size[1], size[0], 3)), abs=1)


def test_transparency_stays() -> None:
    picture = shaded().convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    after = recoloured(picture, full(picture), GREEN)
    assert after.getchannel("A").tobytes() == picture.getchannel("A").tobytes()


@pytest.mark.parametrize("size", [(119, 60), (1, 1), (60, 120)])
def test_a_mask_of_another_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(TaskRefused) as refusal:
        recoloured(shaded(), Image.new("L", size, 255), GREEN)
    assert refusal.value.field == "mask"


@pytest.mark.parametrize("pixels", [0, 1, 7, 30])
def test_a_mask_reaches_so_many_pixels_further(pixels: int) -> None:
    mask = Image.new("L", (101, 101))
    ImageDraw.Draw(mask).rectangle((45, 45, 55, 55), fill=255)
    wider = dilated(mask, pixels)
    assert wider.getbbox() == (45 - pixels, 45 - pixels, 56 + pixels, 56 + pixels)
    corner = np.asarray(wider)[45 - pixels, 45 - pixels]
    assert corner == (255 if pixels == 0 else 0)  # corners become round


def test_what_is_marked_stays_marked_and_soft_edges_beyond_stay_soft() -> None:
    mask = Image.linear_gradient("L")
    wider = np.asarray(dilated(mask, 10))
    assert (wider >= np.asarray(mask)).all()
    assert np.array_equal(wider[:118], np.asarray(mask)[:118])
    assert (wider[118:] == 255).all()


@pytest.mark.parametrize("level", [0, 255], ids=["empty", "full"])
@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (9, 9)])
def test_an_empty_and_a_full_mask_stay_as_they_are(level: int, size: tuple[int, int]) -> None:
    assert dilated(Image.new("L", size, level), 5).getextrema() == (level, level)


@pytest.mark.parametrize("pixels", [-1, 257])
def test_a_reach_out_of_range_is_refused(pixels: int) -> None:
    with pytest.raises(TaskRefused) as refusal:
        dilated(Image.new("L", (9, 9)), pixels)
    assert refusal.value.field == "dilation"


@pytest.mark.parametrize(
    ("sentence", "colour"),
    [
        ("a teal car", "#008080"),
        ("from red to light blue", "#add8e6"),
        ("Dark Red, and nothing else", "#8b0000"),
        ("make it #0af.", "#00aaff"),
        ("a colour of #12345 letters", None),
        ("brighter", None),
    ],
)
def test_the_last_colour_of_a_sentence_is_the_one_that_is_meant(sentence: str, colour: str | None) -> None:
    assert named_in(sentence) == colour


def test_a_tint_takes_the_colours_of_one_and_the_light_of_the_other() -> None:
    seen = np.asarray(tinted(shaded(), Image.new("RGB", (120, 60), GREEN)))
    assert (seen[:, 60:, 1] > seen[:, 60:, 0]).all(), "green, though it was red"
    assert np.allclose(lightness(seen)[:, 30:90], lightness(np.asarray(shaded()))[:, 30:90], atol=2)
