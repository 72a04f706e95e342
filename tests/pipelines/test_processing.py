"""What is done with a given picture goes through the engine like any drawing: the right result, in any company."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from pipelines.canvas import picture_of, raster_of
from pipelines.catalog import Catalog
from pipelines.engine.protocol import Failed, Finished, Progressed
from pipelines.errors import DarkroomError, ModelNotInstalled, ModelUnknown, TaskRefused
from pipelines.planning import crop, describe, filters, image_to_image, remove_background, text_to_image, upscale
from pipelines.registry import Registry
from pipelines.tasks import Description, Edge, Foreground, Picture, Raster, Task
from pipelines.upscale.tiles import MARGIN, Grid, cut
from tests.pipelines.conftest import Write
from tests.pipelines.engine.company import Listening, farthest
from tests.pipelines.tiny_upscalers import random_network, repeating_network

ENLARGER = {"id": "enlarger", "kind": "upscaler", "files": [{"path": "enlarger.safetensors"}]}
DRAWING = {"defaults": None, "native_sizes": [], "direct": None}  # of the tiny entry, not of an upscaler


@pytest.fixture
def with_enlarger(tiny_folder: Path, tmp_path: Path, catalogued: Write) -> Catalog:
    """Of the tiny model, an upscaler that gives each pixel 2 x 2 times, and one that is not there."""
    (tmp_path / "models" / "enlarger").mkdir(parents=True)
    (tmp_path / "models" / "tiny").symlink_to(tiny_folder)
    save_file(repeating_network(), tmp_path / "models" / "enlarger" / "enlarger.safetensors")
    return catalogued({}, DRAWING | ENLARGER, DRAWING | ENLARGER | {"id": "missing"})


@pytest.fixture
def listening(with_enlarger: Catalog) -> Listening:
    import torch

    return Listening(with_enlarger, Registry(with_enlarger, torch.device("cpu"), torch.float32, None))


def halves(left: Any = "red", right: Any = "blue", size: tuple[int, int] = (80, 48), mode: str = "RGB") -> Raster:
    """Two colours side by side."""
    image = Image.new(mode, size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return raster_of(image)


def done(listening: Listening, task: Task) -> Finished:
    listening.engine.submit("job", task)
    listening.turn_until_idle()
    last = listening.of("job")[-1]
    assert isinstance(last, Finished), last
    return last


def picture(listening: Listening, task: Task) -> Image.Image:
    (only,) = done(listening, task).pictures
    return picture_of(only)


def test_a_network_enlarges_and_lanczos_makes_up_the_rest(listening: Listening, with_enlarger: Catalog) -> None:
    exact = picture(listening, upscale(with_enlarger, image=halves(), factor=2))
    assert exact.tobytes() == picture_of(halves()).resize((160, 96), Image.Resampling.NEAREST).tobytes()
    assert picture(listening, upscale(with_enlarger, image=halves(), factor=8)).size == (640, 384)
    assert picture(listening, upscale(with_enlarger, image=halves(), width=100, height=60)).size == (100, 60)


@pytest.mark.parametrize("mode", ["fast", "conservative"])
def test_transparency_is_kept(listening: Listening, with_enlarger: Catalog, mode: str) -> None:
    half_clear = halves((255, 0, 0, 255), (0, 0, 255, 0), mode="RGBA")
    large = picture(listening, upscale(with_enlarger, image=half_clear, mode=mode, factor=2))
    assert large.mode == "RGBA"
    assert large.getpixel((10, 10)) == (255, 0, 0, 255)
    assert large.getpixel((150, 10))[3] == 0  # type: ignore[index]


def test_the_model_is_the_one_installed_and_none_where_lanczos_is_asked_for(with_enlarger: Catalog) -> None:
    assert upscale(with_enlarger, image=halves()).model == "enlarger"
    assert upscale(with_enlarger, image=halves(), mode="fast").model is None


def test_without_any_network_it_is_lanczos_unless_a_network_is_asked_for(catalog: Catalog) -> None:
    assert upscale(catalog, image=halves()).model is None
    with pytest.raises(ModelNotInstalled):
        upscale(catalog, image=halves(), mode="conservative")


def test_filters_are_applied_in_their_order(listening: Listening, with_enlarger: Catalog) -> None:
    chain: list[tuple[str, dict[str, object]]] = [("invert", {}), ("grayscale", {})]
    gray = picture(listening, filters(with_enlarger, image=halves("white", "black"), filters=chain))
    assert gray.getpixel((0, 0)) == (0, 0, 0)
    assert gray.getpixel((79, 0)) == (255, 255, 255)


def test_a_crop_keeps_the_point_in_focus(listening: Listening, with_enlarger: Catalog) -> None:
    right = picture(listening, crop(with_enlarger, image=halves(), width=12, height=24, focus=(1.0, 0.5)))
    assert right.size == (12, 24)
    assert right.getcolors() == [(12 * 24, (0, 0, 255))]


def test_a_crop_shows_what_is_safe(listening: Listening, with_enlarger: Catalog) -> None:
    zone = (0.25, 0.25, 0.25, 0.25)
    framed = picture(listening, crop(with_enlarger, image=halves(), width=40, height=40, safe_zone=zone))
    assert framed.getpixel((10, 20)) == (255, 255, 255)
    assert framed.getpixel((0, 0)) == (255, 0, 0)


def test_a_description_is_facts_and_no_picture(listening: Listening, with_enlarger: Catalog) -> None:
    told = done(listening, describe(with_enlarger, image=halves()))
    assert told.pictures == ()
    assert isinstance(told.facts, Description)
    assert {(colour.hex, colour.share) for colour in told.facts.colours} == {("#ff0000", 0.5), ("#0000ff", 0.5)}


def on_ground(size: tuple[int, int] = (120, 90)) -> Raster:
    """A red square in the middle of blue."""
    image = Image.new("RGB", size, (30, 60, 200))
    image.paste((220, 40, 40), (40, 25, 80, 65))
    return raster_of(image)


def test_the_background_goes_and_the_facts_say_what_found_the_foreground(
    listening: Listening, with_enlarger: Catalog
) -> None:
    told = done(listening, remove_background(with_enlarger, image=on_ground()))
    (only,) = told.pictures
    cutout = picture_of(only)
    assert cutout.getpixel((60, 45)) == pytest.approx((220, 40, 40, 255), abs=6)
    assert cutout.getpixel((5, 5))[3] == 0  # type: ignore[index]
    assert isinstance(told.facts, Foreground)
    assert told.facts.method == "grabcut"
    assert told.facts.bounds == pytest.approx((40, 25, 80, 65), abs=2)
    assert told.facts.share == pytest.approx(1600 / 10800, abs=0.02)


@pytest.mark.parametrize(
    ("asked", "mode", "inside", "outside"),
    [
        ({"output": "mask"}, "L", 255, 0),
        ({"background": "white"}, "RGB", (220, 40, 40), (255, 255, 255)),
        ({"background": halves("lime", "lime")}, "RGB", (220, 40, 40), (0, 255, 0)),
    ],
)
def test_what_comes_instead_of_the_background(
    listening: Listening, with_enlarger: Catalog, asked: Any, mode: str, inside: Any, outside: Any
) -> None:
    result = picture(listening, remove_background(with_enlarger, image=on_ground(), **asked))
    assert result.mode == mode
    assert result.getpixel((60, 45)) == pytest.approx(inside, abs=6)
    assert result.getpixel((5, 5)) == pytest.approx(outside, abs=1)


@pytest.mark.parametrize(("behind", "corner"), [(None, (0,)), ("#00ff00", (0, 255, 0))])
def test_both_are_the_result_and_the_mask(
    listening: Listening, with_enlarger: Catalog, behind: str | None, corner: Any
) -> None:
    asked = {"output": "both", "background": behind}
    pictures = done(listening, remove_background(with_enlarger, image=on_ground(), **asked)).pictures
    shown, mask = (picture_of(each) for each in pictures)
    assert (mask.mode, mask.getpixel((60, 45)), mask.getpixel((5, 5))) == ("L", 255, 0)
    assert shown.getpixel((5, 5))[-len(corner) :] == pytest.approx(corner, abs=1)  # type: ignore[index]


def test_what_was_not_drawn_has_no_seed(listening: Listening, with_enlarger: Catalog) -> None:
    (enlarged,) = done(listening, upscale(with_enlarger, image=halves())).pictures
    assert (enlarged.seed, enlarged.model) == (None, "enlarger")


def test_tiles_are_steps(listening: Listening, with_enlarger: Catalog) -> None:
    done(listening, upscale(with_enlarger, image=halves(size=(300, 200)), factor=2))
    told = [(event.step, event.steps) for event in listening.of("job") if isinstance(event, Progressed)]
    assert len(told) > 1
    assert told == [(step + 1, len(told)) for step in range(len(told))]


CREATIVE = {"mode": "creative", "prompt": "a star", "seed": 3, "steps": 8, "strength": 0.5}


def test_creative_draws_over_every_tile_as_image_to_image_would(listening: Listening, with_enlarger: Catalog) -> None:
    small = halves(size=(48, 48))
    creative = picture(listening, upscale(with_enlarger, image=small, factor=2, **CREATIVE))
    large = picture(listening, upscale(with_enlarger, image=small, factor=2))
    tile = raster_of(Image.fromarray(cut(np.asarray(large), Grid(96, 96, 128), 0)))
    over = image_to_image(with_enlarger, image=tile, prompt="a star", seed=3, steps=8, strength=0.5)
    alone = picture(listening, over).crop((MARGIN, MARGIN, 96 + MARGIN, 96 + MARGIN))
    assert creative.size == (96, 96)
    assert np.abs(np.asarray(creative, int) - np.asarray(alone)).max() <= 1
    assert np.abs(np.asarray(creative, int) - np.asarray(large)).max() > 1


def test_creative_keeps_size_transparency_and_counts_all_its_steps(
    listening: Listening, with_enlarger: Catalog
) -> None:
    half_clear = halves((255, 0, 0, 255), (0, 0, 255, 0), mode="RGBA", size=(100, 60))
    creative = picture(listening, upscale(with_enlarger, image=half_clear, factor=2, **CREATIVE))
    assert (creative.size, creative.mode) == ((200, 120), "RGBA")
    assert creative.getchannel("A").getpixel((190, 60)) == 0
    told = [event for event in listening.of("job") if isinstance(event, Progressed)]
    assert told[-1].step == told[-1].steps
    assert [event.step for event in told] == sorted({event.step for event in told})


def test_no_result_depends_on_its_company(listening: Listening, with_enlarger: Catalog) -> None:
    noise = raster_of(Image.fromarray(np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)))
    tasks: dict[str, Task] = {
        "large": upscale(with_enlarger, image=noise, factor=2),
        "other": upscale(with_enlarger, image=halves(size=(300, 200)), factor=4, denoise=0.5),
        "creative": upscale(with_enlarger, image=noise, width=310, height=200, **CREATIVE),
        "lanczos": upscale(with_enlarger, image=noise, mode="fast", factor=2),
        "filtered": filters(with_enlarger, image=noise, filters=[("blur", {}), ("noise", {"seed": 3})]),
        "cropped": crop(with_enlarger, image=noise, width=64, height=64),
        "drawn": text_to_image(with_enlarger, prompt="a star", model="tiny", width=64, height=64, steps=4, seed=5),
    }
    alone: dict[str, Picture] = {}
    for name, task in tasks.items():
        (alone[name],) = done(listening, task).pictures
    for name, task in tasks.items():
        listening.engine.submit(name, task)
    listening.turn_until_idle()
    for name in tasks:
        (together,) = listening.pictures(name)
        assert (together.width, together.height) == (alone[name].width, alone[name].height)
        if len(together.pixels) == 3 * together.width * together.height:
            assert farthest(together, alone[name]) <= 1, name


def test_a_network_that_gives_no_numbers_fails_by_name(with_enlarger: Catalog, listening: Listening) -> None:
    broken = {name: value * float("nan") for name, value in random_network().items()}
    save_file(broken, with_enlarger.folder(with_enlarger.get("enlarger")) / "enlarger.safetensors")
    listening.engine.submit("job", upscale(with_enlarger, image=halves()))
    listening.turn_until_idle()
    last = listening.of("job")[-1]
    assert isinstance(last, Failed)
    assert last.code == "drawing_failed"


@pytest.mark.parametrize(
    ("asked", "error", "field"),
    [
        (lambda catalog: upscale(catalog, image=halves(), factor=3), TaskRefused, "factor"),
        (lambda catalog: upscale(catalog, image=halves(), factor=0), TaskRefused, "factor"),
        (lambda catalog: upscale(catalog, image=halves(), factor=2, width=90), TaskRefused, "factor"),
        (lambda catalog: upscale(catalog, image=halves(), width=0), TaskRefused, "width"),
        (lambda catalog: upscale(catalog, image=halves(), width=70_000, height=70_000), TaskRefused, "width"),
        (lambda catalog: upscale(catalog, image=halves(), mode="magic"), TaskRefused, "mode"),
        (lambda catalog: upscale(catalog, image=halves(), prompt="a star"), TaskRefused, "prompt"),
        (lambda catalog: upscale(catalog, image=halves(), mode="creative", strength=0.001), TaskRefused, "strength"),
        (lambda catalog: upscale(catalog, image=halves(), mode="creative", steps=0), TaskRefused, "steps"),
        (lambda catalog: upscale(catalog, image=halves(), denoise=2), TaskRefused, "denoise"),
        (lambda catalog: upscale(catalog, image=halves(), model="tiny"), TaskRefused, "model"),
        (lambda catalog: upscale(catalog, image=halves(), model="nobody"), ModelUnknown, "model"),
        (lambda catalog: upscale(catalog, image=halves(), model="missing"), ModelNotInstalled, "model"),
        (lambda catalog: remove_background(catalog, image=halves(), method="magic"), TaskRefused, "method"),
        (lambda catalog: remove_background(catalog, image=halves(), method="network"), ModelNotInstalled, "model"),
        (lambda catalog: remove_background(catalog, image=halves(), model="enlarger"), TaskRefused, "model"),
        (lambda catalog: remove_background(catalog, image=halves(), background="redish"), TaskRefused, "background"),
        (lambda _: Edge(threshold=2), TaskRefused, "threshold"),
        (lambda _: Edge(smoothing=-1), TaskRefused, "edge_smoothing"),
        (lambda catalog: filters(catalog, image=halves(), filters=[]), TaskRefused, "filters"),
        (lambda catalog: filters(catalog, image=halves(), filters=[("swirl", {})]), TaskRefused, "filters"),
        (lambda catalog: crop(catalog, image=halves(), width=0, height=9), TaskRefused, "width"),
        (lambda catalog: crop(catalog, image=halves(), width=9, height=9, mode="best"), TaskRefused, "mode"),
        (lambda catalog: crop(catalog, image=halves(), width=9, height=9, focus=(2, 0)), TaskRefused, "focus"),
        (lambda catalog: crop(catalog, image=halves(), width=9, height=9, safe_zone=(1,)*4), TaskRefused, "safe_zone"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_with_the_field_to_blame(
    with_enlarger: Catalog, asked: Any, error: type[DarkroomError], field: str
) -> None:
    with pytest.raises(error) as raised:
        asked(with_enlarger)
    assert raised.value.field == field
