"""Filters do what their names say, to the colours alone, one after the other."""

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipelines.errors import TaskRefused
from pipelines.filters.artistic import STYLES
from pipelines.filters.table import FILTERS, MOST_STEPS, chain, filtered, step
from pipelines.filters.words import Choice, Parameter

RED, GREEN, BLUE = (220, 40, 40), (40, 170, 70), (40, 80, 220)
# Every filter at its defaults, and every style.
EACH: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in FILTERS if name != "artistic"),
    *(("artistic", {"style": style}) for style in STYLES),
]
each_filter = pytest.mark.parametrize(("name", "said"), EACH, ids=[said.get("style", name) for name, said in EACH])


def scene(width: int = 64, height: int = 48) -> Image.Image:
    """A red disc on blue with a little grain."""
    picture = Image.new("RGB", (width, height), BLUE)
    ImageDraw.Draw(picture).ellipse((width // 4, height // 4, width // 2, height * 3 // 4), fill=RED)
    grain = np.random.default_rng(5).integers(-8, 9, (height, width, 3))
    return Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))


def after(picture: Image.Image, name: str, **said: Any) -> Image.Image:
    return filtered(picture, chain([(name, said)]))


def flat(picture: Image.Image) -> Any:
    """The colour of a picture that has only one."""
    [(_, colour)] = picture.getcolors() or []
    return colour


def values(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


def spread(picture: Image.Image) -> float:
    return float(values(picture.convert("L")).std())


@each_filter
def test_a_filter_by_its_name_alone_changes_a_picture_and_not_its_size(name: str, said: dict[str, Any]) -> None:
    picture = scene()
    result = after(picture, name, **said)
    assert (result.mode, result.size) == ("RGB", picture.size)
    assert result.tobytes() != picture.tobytes()


@each_filter
def test_alpha_is_untouched(name: str, said: dict[str, Any]) -> None:
    picture = scene()
    alpha = Image.linear_gradient("L").resize(picture.size)
    picture.putalpha(alpha)
    result = after(picture, name, **said)
    assert result.mode == "RGBA"
    assert result.getchannel("A").tobytes() == alpha.tobytes()
    assert result.convert("RGB").tobytes() == after(scene(), name, **said).tobytes()


@each_filter
@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 300), (2, 2)], ids=["a pixel", "a row", "a column", "tiny"])
def test_a_picture_of_any_size_can_be_filtered(name: str, said: dict[str, Any], size: tuple[int, int]) -> None:
    assert after(scene(*size), name, **said).size == size


@each_filter
def test_the_same_steps_make_the_same_picture(name: str, said: dict[str, Any]) -> None:
    assert after(scene(), name, **said).tobytes() == after(scene(), name, **said).tobytes()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("brightness", {"value": 1}),
        ("contrast", {"value": 1}),
        ("saturation", {"value": 1}),
        ("hue", {"degrees": 0}),
        ("hue", {"degrees": 360}),
        ("blur", {"radius": 0}),
        ("sharpen", {"amount": 0}),
        ("sepia", {"intensity": 0}),
        ("vignette", {"intensity": 0}),
        ("noise", {"intensity": 0}),
        ("posterize", {"levels": 256}),
        ("pixelate", {"size": 1}),
        ("edge", {"intensity": 0}),
        *(("artistic", {"style": style, "intensity": 0}) for style in STYLES),
    ],
)
def test_a_filter_that_is_to_do_nothing_does_nothing(name: str, said: dict[str, Any]) -> None:
    assert after(scene(), name, **said).tobytes() == scene().tobytes()


@pytest.mark.parametrize(
    ("degrees", "colour"),
    [(0, (255, 0, 0)), (60, (255, 255, 0)), (120, (0, 255, 0)), (-120, (0, 0, 255)), (240, (0, 0, 255))],
)
def test_a_red_turns_as_far_as_hue_says(degrees: float, colour: tuple[int, int, int]) -> None:
    assert flat(after(Image.new("RGB", (4, 4), (255, 0, 0)), "hue", degrees=degrees)) == colour


@pytest.mark.parametrize(
    ("name", "said", "before", "expected"),
    [
        pytest.param("brightness", {"value": 1.5}, (100, 40, 200), (150, 60, 255), id="brighter"),
        pytest.param("brightness", {"value": 0}, RED, (0, 0, 0), id="no light"),
        pytest.param("contrast", {"value": 2}, (100, 150, 250), (72, 172, 255), id="more contrast"),
        pytest.param("contrast", {"value": 0}, RED, (128, 128, 128), id="no contrast"),
        pytest.param("invert", {}, (0, 100, 255), (255, 155, 0), id="invert"),
        pytest.param("posterize", {"levels": 2}, (100, 150, 250), (0, 255, 255), id="two levels"),
        pytest.param("sepia", {}, (100, 100, 100), (135, 120, 94), id="sepia of gray"),
        pytest.param("edge", {}, RED, (0, 0, 0), id="no edge"),
        pytest.param("blur", {"radius": 9}, RED, RED, id="nothing to blur"),
    ],
)
def test_one_colour_becomes_another(name: str, said: dict[str, Any], before: Any, expected: object) -> None:
    assert flat(after(Image.new("RGB", (20, 20), before), name, **said)) == expected


def test_inverting_twice_changes_nothing() -> None:
    assert filtered(scene(), chain([("invert", {})] * 2)).tobytes() == scene().tobytes()


def test_gray_has_equal_channels_and_is_what_no_saturation_leaves() -> None:
    gray = after(scene(), "grayscale")
    assert np.ptp(values(gray), axis=-1).max() == 0
    assert np.abs(values(gray) - values(after(scene(), "saturation", value=0))).max() <= 1


def test_a_vignette_darkens_the_corners_and_leaves_the_middle() -> None:
    lit = values(after(Image.new("RGB", (80, 60), (200, 200, 200)), "vignette", intensity=0.5))[..., 0]
    assert lit[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == [100] * 4
    assert (lit[15:45, 20:60] == 200).all()
    assert (np.diff(lit[30, 40:]) <= 0).all()


def test_a_pixelated_picture_is_made_of_blocks_of_their_mean_colour() -> None:
    before, blocks = values(scene(61, 45)), values(after(scene(61, 45), "pixelate", size=8))
    for top in range(0, 45, 8):
        for left in range(0, 61, 8):
            block = blocks[top : top + 8, left : left + 8].reshape(-1, 3)
            assert (block == block[0]).all()
            assert block[0] == pytest.approx(before[top : top + 8, left : left + 8].mean(axis=(0, 1)), abs=1)


def test_blur_takes_detail_away_and_sharpen_adds_to_it() -> None:
    assert spread(after(scene(), "blur", radius=4)) < spread(scene()) < spread(after(scene(), "sharpen", amount=2))


def test_edges_are_white_on_black_where_the_colour_changes() -> None:
    halves = Image.new("RGB", (40, 20), "black")
    halves.paste((255, 255, 255), (20, 0, 40, 20))
    outlines = values(after(halves, "edge"))
    assert (outlines[:, 19:21] == 255).all()
    outlines[:, 19:21] = 0
    assert not outlines.any()


@pytest.mark.parametrize("intensity", [0.05, 0.2])
def test_noise_is_as_strong_as_asked_and_its_own_for_each_seed(intensity: float) -> None:
    gray = Image.new("RGB", (100, 100), (128, 128, 128))
    noisy, other = (after(gray, "noise", intensity=intensity, seed=seed) for seed in (1, 2))
    assert values(noisy).std() == pytest.approx(255 * intensity, rel=0.05)
    assert noisy.tobytes() != other.tobytes()


def test_oil_evens_out_what_is_smaller_than_a_brush() -> None:
    picture = Image.new("RGB", (40, 40), BLUE)
    picture.putpixel((20, 20), (255, 255, 255))
    assert flat(after(picture, "artistic", style="oil_painting")) == BLUE


def test_pencil_leaves_no_colour_and_mostly_paper() -> None:
    drawn = values(after(scene(), "artistic", style="pencil"))
    assert np.ptp(drawn, axis=-1).max() == 0
    assert np.median(drawn) > 200


def test_watercolor_keeps_the_colours_and_loses_the_grain() -> None:
    painted = values(after(scene(96, 96), "artistic", style="watercolor"))
    assert painted[48, 36] == pytest.approx(RED, abs=40)
    assert painted[10:30, 70:90].std(axis=(0, 1)).max() < values(scene(96, 96))[10:30, 70:90].std(axis=(0, 1)).min()


def test_a_cartoon_has_few_colours_and_a_dark_outline() -> None:
    picture = Image.new("RGB", (96, 96), (240, 240, 240))
    ImageDraw.Draw(picture).ellipse((24, 24, 72, 72), fill=RED)
    drawn = after(picture, "artistic", style="cartoon")
    assert len(drawn.getcolors(96 * 96) or []) < 16
    assert values(drawn)[48, 20:30].min(axis=0).max() == 0
    assert values(drawn)[48, 48].max() > 150


def test_intensity_lies_between_the_picture_and_the_style() -> None:
    whole = values(after(scene(), "artistic", style="pencil"))
    half = values(after(scene(), "artistic", style="pencil", intensity=0.5))
    assert np.abs(half - (whole + values(scene())) / 2).max() <= 1


def test_the_order_of_a_chain_matters() -> None:
    steps = [("posterize", {"levels": 2}), ("blur", {"radius": 3})]
    one, other = filtered(scene(), chain(steps)), filtered(scene(), chain(steps[::-1]))
    assert len(other.getcolors() or []) <= 8 < len(one.getcolors(64 * 48) or [])


def test_the_documented_example_can_be_asked_for() -> None:
    asked: list[tuple[str, dict[str, Any]]] = [
        ("brightness", {"value": 1.2}),
        ("contrast", {"value": 1.1}),
        ("blur", {"radius": 5}),
        ("artistic", {"style": "oil_painting", "intensity": 0.7}),
    ]
    assert [(each.name, dict(each.parameters)) for each in chain(asked)] == asked


def bounds() -> list[Any]:
    return [
        pytest.param(name, parameter, each, id=f"{name} {parameter}")
        for name, known in FILTERS.items()
        for parameter, each in known.parameters.items()
    ]


@pytest.mark.parametrize(("name", "parameter", "known"), bounds())
def test_a_parameter_has_a_default_and_ends_that_are_allowed_and_no_more(
    name: str, parameter: str, known: Parameter
) -> None:
    wrong: list[object] = [None, True, [], {}, float("nan"), float("inf"), 2**80]
    if isinstance(known, Choice):
        right, wrong = list[object](known.names), [*wrong, 1, "", "crayon"]
    else:
        right, wrong = [known.least, known.most], [*wrong, known.least - 1, known.most + 1, "1"]
    for value in [known.default, *right]:
        assert dict(step(name, {parameter: value}).parameters)[parameter] == value
    for value in wrong:
        with pytest.raises(TaskRefused, match=rf"^{name}\.{parameter} must be .*\.$"):
            step(name, {parameter: value})


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        pytest.param([("sparkle", {})], "one of brightness, contrast", id="unknown filter"),
        pytest.param([("blur", {"radius": 1, "value": 2})], "blur takes radius, nothing else", id="unknown parameter"),
        pytest.param([("invert", {"value": 2})], "invert takes no parameters", id="one too many"),
        pytest.param([("posterize", {"levels": 2.5})], "a whole number from 2 to 256", id="half a level"),
        pytest.param([], "a list of 1 to", id="no filter"),
        pytest.param([("invert", {})] * (MOST_STEPS + 1), "a list of 1 to", id="too many filters"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(asked: list[tuple[str, dict[str, Any]]], told: str) -> None:
    with pytest.raises(TaskRefused, match=told) as refusal:
        chain(asked)
    assert refusal.value.field == "filters"


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert step("posterize", {"levels": 4.0}) == step("posterize", {"levels": 4})
