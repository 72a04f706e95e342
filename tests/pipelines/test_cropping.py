"""What is cropped keeps what is looked at: the middle, a point, what stands out, faces."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipelines.canvas import Box
from pipelines.cropping import MODES, box_around, crop, saliency, smart_box, with_safe_zone
from pipelines.errors import TaskRefused

RED, BLUE = (220, 40, 40), (40, 80, 220)


def disc_at(x: int, y: int, size: tuple[int, int] = (320, 200), radius: int = 25) -> Image.Image:
    """A red disc on a blue that is not quite even."""
    picture = Image.new("RGB", size, BLUE)
    ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), fill=RED)
    grain = np.random.default_rng(2).integers(-6, 7, (size[1], size[0], 3))
    return Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))


def inside(box: Box, x: int, y: int, radius: int) -> bool:
    return box[0] <= x - radius and box[1] <= y - radius and x + radius <= box[2] and y + radius <= box[3]


@pytest.mark.parametrize(
    ("size", "aspect", "point", "box"),
    [
        pytest.param((300, 100), 1.0, (0.5, 0.5), (100, 0, 200, 100), id="the middle"),
        pytest.param((300, 100), 1.0, (0.0, 0.0), (0, 0, 100, 100), id="the left"),
        pytest.param((300, 100), 1.0, (1.0, 1.0), (200, 0, 300, 100), id="the right"),
        pytest.param((100, 300), 1.0, (0.5, 0.25), (0, 25, 100, 125), id="high up"),
        pytest.param((200, 100), 2.0, (0.1, 0.9), (0, 0, 200, 100), id="all of it"),
        pytest.param((3000, 1), 1.0, (0.5, 0.5), (1500, 0, 1501, 1), id="of a row"),
        pytest.param((3, 3000), 100.0, (0.5, 0.5), (0, 1500, 3, 1501), id="of a column"),
    ],
)
def test_the_largest_box_of_the_aspect_lies_around_the_point(
    size: tuple[int, int], aspect: float, point: tuple[float, float], box: Box
) -> None:
    assert box_around(size, aspect, point) == pytest.approx(box, abs=1)


@pytest.mark.parametrize("x", [40, 100, 160, 220, 280])
def test_the_smart_crop_of_a_wide_picture_keeps_what_stands_out(x: int) -> None:
    box = smart_box(disc_at(x, 100), 3 / 4)
    assert (box[2] - box[0], box[3] - box[1]) == (150, 200)
    assert inside(box, x, 100, 25)


@pytest.mark.parametrize("y", [40, 160, 280])
def test_the_smart_crop_of_a_tall_picture_keeps_what_stands_out(y: int) -> None:
    box = smart_box(disc_at(100, y, size=(200, 320)), 1.5)
    assert (box[2] - box[0], box[3] - box[1]) == (200, 133)
    assert inside(box, 100, y, 25)


def test_where_there_is_room_what_stands_out_comes_to_the_middle() -> None:
    left, _, right, _ = smart_box(disc_at(200, 100), 1.0)
    assert (left + right) / 2 == pytest.approx(200, abs=30)


def test_a_face_is_kept_before_all_else() -> None:
    picture = disc_at(280, 100)
    assert inside(smart_box(picture, 3 / 4, faces=[(20, 60, 60, 100)]), 40, 80, 20)


@pytest.mark.parametrize("colour", [(0, 0, 0), BLUE, (255, 255, 255)])
def test_in_an_even_picture_nothing_stands_out_and_the_middle_is_kept(colour: tuple[int, int, int]) -> None:
    assert smart_box(Image.new("RGB", (300, 100), colour), 1.0) == pytest.approx((100, 0, 200, 100), abs=2)


def test_what_stands_out_is_where_the_disc_is() -> None:
    seen = saliency(disc_at(240, 50))
    y, x = np.unravel_index(seen.argmax(), seen.shape)
    assert (x * 320 / seen.shape[1], y * 200 / seen.shape[0]) == pytest.approx((240, 50), abs=35)


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 3000), (40, 30)])
@pytest.mark.parametrize("mode", MODES)
def test_a_picture_of_any_size_becomes_the_size_asked_for(size: tuple[int, int], mode: str) -> None:
    result = crop(Image.new("RGBA", size, (*RED, 255)), 108, 135, mode)
    assert result.size == (108, 135)
    assert result.getcolors() == [(108 * 135, (*RED, 255))]


def test_a_picture_that_is_to_fit_is_there_as_a_whole() -> None:
    picture = disc_at(160, 100)
    whole = crop(picture, 160, 160, "fit")
    assert np.abs(np.asarray(whole)[30:130] - np.asarray(picture.resize((160, 100))).astype(int)).max() < 40
    assert np.asarray(whole)[:20, :, 2].min() > 190  # blue above


def test_a_focal_point_overrules_the_mode() -> None:
    picture = disc_at(280, 100)
    assert crop(picture, 50, 50, "smart", focus=(0, 0.5)).tobytes() != crop(picture, 50, 50, "smart").tobytes()
    assert np.asarray(crop(picture, 50, 50, focus=(0, 0.5)))[..., 0].mean() < 60  # blue alone


@pytest.mark.parametrize("colour", ["white", "black"])
def test_a_safe_zone_is_framed_and_nothing_else_changes(colour: str) -> None:
    framed = np.asarray(with_safe_zone(Image.new("RGB", (100, 200), colour), 0.1, 0.15, 0.2, 0.25))
    ys, xs = np.nonzero((framed != framed[0, 0]).any(axis=-1))
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == pytest.approx((10, 79, 30, 149), abs=1)
    assert (framed[35:145, 15:75] == framed[0, 0]).all()


@pytest.mark.parametrize(
    ("mode", "focus", "field"),
    [("best", None, "crop_mode"), ("smart", (-0.1, 0.5), "focal_point"), ("smart", (0.5, float("nan")), "focal_point")],
)
def test_what_cannot_be_cropped_is_refused(mode: str, focus: tuple[float, float] | None, field: str) -> None:
    with pytest.raises(TaskRefused) as refusal:
        crop(Image.new("RGB", (9, 9)), 3, 3, mode, focus)
    assert refusal.value.field == field
