"""A cut-out has the foreground's own colours and an edge as asked; before another background no trace is left."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from pipelines.errors import TaskRefused
from pipelines.matting.cutout import Edge, bounds, cut_out, mattes, on_colour, on_picture, with_edge
from pipelines.matting.network import load_matting
from tests.pipelines.matting.scenes import RED, disc, iou
from tests.pipelines.matting.tiny_networks import channel_network

SIZES = pytest.mark.parametrize(
    "size", [(1, 1), (40_000, 1), (1, 700), (2, 3)], ids=["a pixel", "a line", "a column", "six pixels"]
)


def test_the_answer_says_what_found_the_foreground(tmp_path: Path) -> None:
    picture, truth = disc("plain", 120, 90)
    network = load_matting(channel_network(tmp_path), torch.device("cpu"))
    (by_network,), (by_grabcut,) = mattes([picture], network), mattes([picture], None)
    assert (by_network.method, by_grabcut.method) == ("network", "grabcut")
    assert iou(by_network.mask, truth) > 0.9
    assert iou(by_grabcut.mask, truth) > 0.9


@pytest.mark.parametrize("ground", ["plain", "stripes", "gradient"])
def test_no_halo_of_the_old_background_is_left(ground: str) -> None:
    """At the disc's edge, where the picture is half blue, the cut-out is red."""
    picture, mask = disc(ground, 200, 150)
    pixels = np.asarray(cut_out(picture, mask)).astype(int)
    edge = (pixels[..., 3] > 25) & (pixels[..., 3] < 230)
    assert edge.sum() > 100
    halo = np.abs(np.asarray(picture, dtype=int)[edge] - RED).mean()
    assert halo > 30
    assert np.abs(pixels[edge][:, :3] - RED).mean() < (0.4 if ground == "stripes" else 0.05) * halo
    assert np.array_equal(pixels[..., 3], np.asarray(mask))


def test_inside_the_foreground_no_colour_changes() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    mask = Image.new("L", (50, 40))
    mask.paste(255, (10, 10, 40, 30))
    pixels = np.asarray(cut_out(Image.fromarray(noise), mask))
    assert np.array_equal(pixels[10:30, 10:40, :3], noise[10:30, 10:40])


def test_what_is_transparent_hides_nothing_of_the_old_background() -> None:
    """Whoever takes the alpha away sees the foreground's colour everywhere, not what was cut off."""
    picture, mask = disc("stripes", 200, 150)
    pixels = np.asarray(cut_out(picture, mask)).astype(int)
    hidden = pixels[..., 3] == 0
    ground = np.abs(np.asarray(picture, dtype=int)[hidden] - RED).mean()
    assert ground > 30
    assert np.abs(pixels[hidden][:, :3] - RED).mean() < 0.05 * ground


def test_where_foreground_and_background_change_their_colours_the_edge_does_too() -> None:
    """A disc with a soft edge, 20 pixels wide: what is left of the mixture is under a tenth of it."""
    down, across = np.mgrid[:300, :300]
    away = np.hypot(down - 150, across - 150)
    alpha = np.rint(255 * ((100 - away) / 20 + 0.5).clip(0, 1)).astype(np.uint8)
    front = np.dstack([200 + 40 * np.sin(across / 40), 80 + 50 * np.sin(down / 30), np.full_like(away, 50)])
    back = np.dstack([np.zeros_like(away), np.full_like(away, 150), 180 + 70 * np.cos(across / 50)])
    share = alpha[..., None] / 255
    picture = Image.fromarray(np.rint(share * front + (1 - share) * back).astype(np.uint8))
    colours = np.asarray(cut_out(picture, Image.fromarray(alpha)).convert("RGB"))
    edge = (alpha > 5) & (alpha < 255)

    def error(found: Any) -> float:
        return float((np.abs(found - front) * share)[edge].mean())

    assert error(colours) < 0.1 * error(np.asarray(picture))


def test_what_was_transparent_already_stays_so() -> None:
    picture = Image.new("RGBA", (20, 20), (*RED, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 10, 20))
    alpha = np.asarray(cut_out(picture, Image.new("L", (20, 20), 255)).getchannel("A"))
    assert alpha[:, :10].max() == 0
    assert alpha[:, 10:].min() == 255


@SIZES
@pytest.mark.parametrize("level", [0, 128, 255], ids=["empty", "half", "full"])
def test_a_mask_of_one_level_cuts_out_nothing_or_everything(size: tuple[int, int], level: int) -> None:
    picture, mask = Image.new("RGB", size, RED), Image.new("L", size, level)
    cutout = cut_out(picture, with_edge(picture, mask, Edge(follow=True, smoothing=3, feather=5)))
    assert cutout.size == size
    assert cutout.getchannel("A").getextrema() == pytest.approx((level, level), abs=1)
    assert bounds(mask) == ((0, 0, *size) if level else None)
    on_white = np.asarray(on_colour(cutout, (255, 255, 255)))
    assert on_white == pytest.approx(255 + level / 255 * (np.float32(RED) - 255) + 0 * on_white, abs=2)


def test_a_threshold_leaves_nothing_half_there() -> None:
    mask = Image.linear_gradient("L")
    picture = Image.new("RGB", mask.size)
    levels = np.asarray(with_edge(picture, mask, Edge(threshold=0.25)))
    assert np.array_equal(levels, np.where(np.asarray(mask) >= 0.25 * 255, 255, 0))


@pytest.mark.parametrize(
    ("threshold", "share"), [(0.0, 1.0), (1.0, 1 / 256)], ids=["all of it", "what is certain alone"]
)
def test_the_ends_of_the_threshold(threshold: float, share: float) -> None:
    mask = Image.linear_gradient("L")
    levels = np.asarray(with_edge(Image.new("RGB", mask.size), mask, Edge(threshold=threshold)))
    assert (levels == 255).mean() == pytest.approx(share)


def test_smoothing_evens_out_the_outline_and_keeps_it_sharp_and_in_place() -> None:
    steps = Image.new("L", (25, 20))
    ImageDraw.Draw(steps).polygon([(0, 0), (24, 0), (0, 19)], fill=255)
    jagged = steps.point(lambda level: 255 if level > 127 else 0).resize((200, 160), Image.Resampling.NEAREST)
    smooth = with_edge(Image.new("RGB", jagged.size), jagged, Edge(smoothing=6))
    assert outline(smooth) < 0.85 * outline(jagged)
    levels = np.asarray(smooth)
    assert ((levels > 10) & (levels < 245)).mean() < 0.05
    assert iou(smooth, jagged) > 0.93


def outline(mask: Image.Image) -> float:
    """How long the edge is in pixels: the sum of the gradient's length."""
    levels = np.asarray(mask) / 255
    return float(np.hypot(np.diff(levels, axis=0)[:, :-1], np.diff(levels, axis=1)[:-1]).sum())


def test_a_feather_fades_over_so_many_pixels() -> None:
    mask = Image.new("L", (100, 40))
    mask.paste(255, (50, 0, 100, 40))
    row = np.asarray(with_edge(Image.new("RGB", mask.size), mask, Edge(feather=10)))[20].astype(int)
    assert (np.diff(row) >= 0).all()
    assert row[30] <= 1
    assert row[70] >= 254
    assert row[49:51].mean() == pytest.approx(127, abs=3)
    assert 4 <= ((row > 30) & (row < 225)).sum() <= 14


def test_a_mask_that_follows_the_picture_finds_the_edge_that_a_coarse_one_missed() -> None:
    picture, truth = disc("plain", 200, 150)
    coarse = truth.resize((50, 37), Image.Resampling.BOX).resize(truth.size, Image.Resampling.BICUBIC)
    followed = with_edge(picture, coarse, Edge(follow=True))
    wrong, wrong_before = (
        np.abs(np.asarray(each).astype(int) - np.asarray(truth)).mean() for each in (followed, coarse)
    )
    assert wrong < 0.3 * wrong_before
    assert np.asarray(followed)[0, 0] == 0


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
def test_the_cut_out_stands_before_another_picture(fit: str) -> None:
    picture, mask = disc("stripes", 200, 150)
    behind = Image.new("RGB", (90, 90), (0, 200, 0))
    pixels = np.asarray(on_picture(cut_out(picture, mask), behind, fit)).astype(int)
    assert pixels.shape == (150, 200, 3)
    assert tuple(pixels[75, 100]) == RED
    assert tuple(pixels[3, 3]) == (0, 200, 0)
    assert pixels[..., 2].max() <= 60  # no blue of the old stripes


def test_the_bounds_are_those_of_what_is_more_there_than_not() -> None:
    mask = Image.new("L", (40, 30), 20)
    mask.paste(200, (5, 6, 25, 16))
    assert bounds(mask) == (5, 6, 25, 16)


@pytest.mark.parametrize("size", [(9, 10), (1, 1), (10, 10_000)])
def test_a_mask_of_another_size_is_refused(size: tuple[int, int]) -> None:
    picture, mask = Image.new("RGB", (10, 10)), Image.new("L", size)
    for attempt in (lambda: cut_out(picture, mask), lambda: with_edge(picture, mask, Edge())):
        with pytest.raises(TaskRefused) as refusal:
            attempt()
        assert refusal.value.field == "mask"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        pytest.param({"threshold": -0.1}, "threshold", id="a threshold below nothing"),
        pytest.param({"threshold": float("nan")}, "threshold", id="a threshold that is no number"),
        pytest.param({"smoothing": -1}, "edge_smoothing", id="negative smoothing"),
        pytest.param({"smoothing": 65}, "edge_smoothing", id="too much smoothing"),
        pytest.param({"smoothing": float("inf")}, "edge_smoothing", id="endless smoothing"),
        pytest.param({"feather": 257}, "feather", id="too wide a feather"),
    ],
)
def test_an_edge_that_cannot_be_made_is_refused(asked: dict[str, Any], field: str) -> None:
    with pytest.raises(TaskRefused) as refusal:
        Edge(**asked)
    assert refusal.value.field == field


def test_a_fit_that_is_unknown_is_refused() -> None:
    with pytest.raises(TaskRefused) as refusal:
        on_picture(Image.new("RGBA", (5, 5)), Image.new("RGB", (5, 5)), "best")
    assert refusal.value.field == "fit"
