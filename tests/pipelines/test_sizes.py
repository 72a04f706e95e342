"""Any size asked for comes out exactly, from a render that the model is good at."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipelines.catalog import Model
from pipelines.errors import TaskRefused
from pipelines.sizes import SizePlan, finish, plan
from tests.pipelines.conftest import ENTRY

SDXL_SIZES = [
    "1024x1024",
    "1152x896",
    "896x1152",
    "1216x832",
    "832x1216",
    "1344x768",
    "768x1344",
    "1536x640",
    "640x1536",
]
SDXL_DIRECT = {"min_side": 512, "max_side": 2048, "min_pixels": 589824, "max_pixels": 1310720}
SHAPES = Model.model_validate(ENTRY)
SDXL = Model.model_validate(ENTRY | {"native_sizes": SDXL_SIZES, "direct": SDXL_DIRECT})
STRICT = Model.model_validate(ENTRY | {"oversize": "refuse"})
sides = st.integers(8, 8192)


@pytest.mark.parametrize(
    ("model", "asked", "rendered"),
    [
        (SHAPES, (128, 128), (128, 128)),
        (SHAPES, (160, 96), (160, 96)),
        (SHAPES, (96, 160), (96, 160)),
        (SHAPES, (144, 112), (144, 112)),
        (SHAPES, (112, 144), (112, 144)),
        (SHAPES, (192, 192), (192, 192)),
        (SHAPES, (64, 64), (64, 64)),
        (SHAPES, (256, 256), (256, 256)),
        (SHAPES, (130, 100), (136, 104)),
        (SHAPES, (1024, 1024), (128, 128)),
        (SHAPES, (32, 32), (128, 128)),
        (SHAPES, (8, 8), (128, 128)),
        (SHAPES, (1600, 960), (160, 96)),
        (SHAPES, (1200, 628), (184, 96)),
        (SHAPES, (8192, 8), (256, 64)),
        (SDXL, (1024, 1024), (1024, 1024)),
        (SDXL, (768, 768), (768, 768)),
        (SDXL, (1280, 1024), (1280, 1024)),
        (SDXL, (512, 512), (1024, 1024)),
        (SDXL, (2048, 2048), (1024, 1024)),
        (SDXL, (1536, 1024), (1248, 832)),
        (SDXL, (1792, 1024), (1344, 768)),
        (SDXL, (3840, 2160), (1344, 768)),
    ],
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else "sdxl" if value is SDXL else "shapes",
)
def test_what_is_rendered_for_a_size(model: Model, asked: tuple[int, int], rendered: tuple[int, int]) -> None:
    assert plan(*asked, model) == SizePlan(*asked, *rendered)


@given(width=sides, height=sides, model=st.sampled_from([SHAPES, SDXL]))
def test_a_render_fits_the_model_and_keeps_the_aspect(width: int, height: int, model: Model) -> None:
    made = plan(width, height, model)
    direct = model.direct
    assert direct
    render = (made.render_width, made.render_height)
    assert all(side % 8 == 0 and direct.min_side <= side <= direct.max_side for side in render)
    cut = render[0] - width in range(8) and render[1] - height in range(8)
    possible = direct.min_side / direct.max_side <= width / height <= direct.max_side / direct.min_side
    error = abs(log(render[0] / render[1] / (width / height)))
    assert cut or not possible or error < 0.02


@given(width=st.integers(8, 700), height=st.integers(8, 700))
def test_the_result_has_exactly_the_size_asked_for(width: int, height: int) -> None:
    made = plan(width, height, SHAPES)
    image = Image.new("RGB", (made.render_width, made.render_height))
    assert finish(image, made).size == (width, height)


def test_an_enlarged_render_is_finished_to_the_same_size() -> None:
    made = plan(500, 300, SHAPES)
    upscaled = Image.new("RGB", (4 * made.render_width, 4 * made.render_height))
    assert finish(upscaled, made).size == (500, 300)


def test_a_render_of_nearly_the_size_is_cut_and_not_resampled() -> None:
    image = Image.effect_noise((136, 104), 80)
    assert finish(image, plan(130, 100, SHAPES)).tobytes() == image.crop((3, 2, 133, 102)).tobytes()


def test_what_was_in_the_middle_stays_in_the_middle() -> None:
    image = Image.new("RGB", (128, 128), "white")
    image.paste("red", (56, 56, 72, 72))
    large = finish(image, SizePlan(640, 320, 128, 128))
    box = Image.eval(large.getchannel("G"), lambda green: 255 * (green < 128)).getbbox()
    assert box == (280, 120, 360, 200)


@pytest.mark.parametrize(
    ("asked", "field"), [((1024, 1024), "width"), ((300, 100), "width"), ((100, 300), "height")], ids=str
)
def test_a_model_that_does_not_enlarge_says_how_much_it_draws(asked: tuple[int, int], field: str) -> None:
    with pytest.raises(TaskRefused, match="256 pixels a side and 65536 in all") as raised:
        plan(*asked, STRICT)
    assert raised.value.field == field


@pytest.mark.parametrize("asked", [(256, 256), (64, 64), (16, 16), (100, 90)], ids=str)
def test_a_model_that_does_not_enlarge_still_draws_and_reduces(asked: tuple[int, int]) -> None:
    assert (plan(*asked, STRICT).width, plan(*asked, STRICT).height) == asked


def test_a_model_that_does_not_draw_has_no_sizes() -> None:
    upscaler = Model.model_validate(ENTRY | {"kind": "upscaler", "direct": None})
    with pytest.raises(TaskRefused):
        plan(128, 128, upscaler)
