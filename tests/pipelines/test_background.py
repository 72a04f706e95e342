"""What stands out keeps its place before another background and in another light, blended as much as was said."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.canvas import picture_of, raster_of
from pipelines.catalog import Catalog
from pipelines.engine.protocol import Failed, Finished
from pipelines.errors import DarkroomError, ModelNotInstalled, TaskRefused
from pipelines.lighting import lit_from, lit_like
from pipelines.planning import relight, remove_background, replace_background
from pipelines.registry import Registry
from pipelines.tasks import Edge, Foreground, Raster, Task
from tests.pipelines.engine.company import Listening
from tests.shapes import Artist

RED, BLUE = (220, 40, 40), (30, 60, 200)
SQUARE = (40, 28, 88, 76)
MIDDLE, CORNER = (64, 52), (4, 4)


def scene(ground: Any = BLUE, thing: Any = RED) -> Raster:
    image = Image.new("RGB", (128, 128), ground)
    image.paste(thing, SQUARE)
    return raster_of(image)


@pytest.fixture
def listening(catalog: Catalog, registry: Registry) -> Listening:
    return Listening(catalog, registry)


def done(listening: Listening, **tasks: Task) -> dict[str, Any]:
    """How each ended, all in company."""
    for name, task in tasks.items():
        listening.engine.submit(name, task)
    listening.turn_until_idle()
    return {name: listening.of(name)[-1] for name in tasks}


def picture(listening: Listening, task: Task) -> Image.Image:
    ended = done(listening, job=task)["job"]
    assert isinstance(ended, Finished), ended
    (only,) = ended.pictures
    return picture_of(only)


def levels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=float)


@pytest.mark.parametrize("background", ["lime", "#0f0", scene("lime", "lime")], ids=["name", "code", "picture"])
def test_the_foreground_stands_before_what_is_given(listening: Listening, catalog: Catalog, background: Any) -> None:
    ended = done(listening, job=replace_background(catalog, image=scene(), background=background))["job"]
    (only,) = ended.pictures
    result = picture_of(only)
    assert result.getpixel(MIDDLE) == pytest.approx(RED, abs=6)
    assert result.getpixel(CORNER) == (0, 255, 0)
    assert only.seed is None
    assert isinstance(ended.facts, Foreground)
    assert (ended.facts.method, ended.facts.bounds) == ("grabcut", pytest.approx(SQUARE, abs=2))


def test_as_much_of_the_foreground_is_blended_back_as_was_said(listening: Listening, catalog: Catalog) -> None:
    said: dict[str, Any] = {"background": "lime", "strength": 0.5, "prompt": "a star", "steps": 6, "seed": 5}
    whole, half, nothing = (
        picture(listening, replace_background(catalog, image=scene(), preserve_subject=share, **said))
        for share in (1.0, 0.5, 0.0)
    )
    inside = (48, 36, 80, 68)
    assert whole.crop(inside).getcolors() == [(32 * 32, RED)]
    assert np.abs(levels(nothing.crop(inside)) - RED).max() > 20
    between = (levels(nothing.crop(inside)) + RED) / 2
    assert np.abs(levels(half.crop(inside)) - between).max() <= 2
    assert np.abs(levels(nothing) - levels(half))[:20].max() == 0  # the background is drawn over in both


def test_without_strength_nothing_is_drawn(catalog: Catalog) -> None:
    assert replace_background(catalog, image=scene(), background="lime", prompt="a star").drawn is None
    assert relight(catalog, image=scene(), light_direction="left").drawn is None


@pytest.mark.draws
def test_a_background_is_drawn_around_the_foreground(artist: Artist) -> None:
    said: dict[str, Any] = {"prompt": "a big red square on a green background", "seed": 1, "model": "shapes-xl"}
    (result,) = artist.draw([replace_background(artist.catalog, image=scene(), **said)])
    assert result.getpixel(MIDDLE) == RED
    red, green, blue = levels(result)[:16].mean(axis=(0, 1))
    assert green > red + 60
    assert green > blue + 60


@pytest.mark.draws
def test_what_is_lit_by_words_keeps_its_outline(artist: Artist) -> None:
    said: dict[str, Any] = {"prompt": "a big red square on a blue background", "seed": 1, "light_direction": "left"}
    (result,) = artist.draw([relight(artist.catalog, image=scene(), preserve_subject=0.5, **said)])
    own, lit = (levels(image)[..., 0] > levels(image)[..., 2] for image in (picture_of(scene()), result))  # red or blue
    assert (own & lit).sum() / (own | lit).sum() > 0.9
    assert np.abs(levels(result)[:16] - BLUE).mean() > 3


@pytest.mark.parametrize(
    ("direction", "bright", "dark"),
    [
        ("left", (0, 0, 16, 128), (112, 0, 128, 128)),
        ("right", (112, 0, 128, 128), (0, 0, 16, 128)),
        ("above", (0, 0, 128, 16), (0, 112, 128, 128)),
        ("below", (0, 112, 128, 128), (0, 0, 128, 16)),
    ],
)
def test_light_comes_from_where_it_is_said_to(
    listening: Listening, catalog: Catalog, direction: str, bright: Any, dark: Any
) -> None:
    result = picture(listening, relight(catalog, image=scene(), light_direction=direction, light_strength=1))
    own = levels(picture_of(scene())).mean(axis=(0, 1))[2]
    assert levels(result.crop(bright)).mean(axis=(0, 1))[2] > own > levels(result.crop(dark)).mean(axis=(0, 1))[2]


def test_no_light_changes_nothing() -> None:
    image = picture_of(scene())
    assert lit_from(image, "left", 0).tobytes() == image.tobytes()
    assert np.abs(levels(lit_like(image, Image.new("RGB", (9, 9), "orange"), 0)) - levels(image)).max() <= 1


def test_before_a_new_background_the_foreground_takes_on_its_light(listening: Listening, catalog: Catalog) -> None:
    said: dict[str, Any] = {"image": scene(thing="gray"), "background": "orange", "light_strength": 0.5}
    result = picture(listening, relight(catalog, **said))
    assert result.getpixel(CORNER) == (255, 165, 0)
    red, _, blue = result.getpixel(MIDDLE)  # type: ignore[misc]  # a pixel of RGB
    assert red > 150
    assert blue < 110


def test_a_reference_lights_the_whole_picture(listening: Listening, catalog: Catalog) -> None:
    night = raster_of(Image.new("RGB", (64, 64), (10, 15, 40)))
    result = picture(listening, relight(catalog, image=scene(), light_reference=night, light_strength=1))
    assert levels(result).mean() < levels(picture_of(scene())).mean() / 2
    assert result.getpixel(MIDDLE) != result.getpixel(CORNER)


def test_what_is_transparent_does_not_count_for_the_light() -> None:
    cutout = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    cutout.paste((128, 128, 128, 255), (10, 10, 30, 30))
    lit = lit_like(cutout, Image.new("RGB", (4, 4), (128, 128, 128)), 1)
    assert lit.getpixel((20, 20)) == pytest.approx((128, 128, 128, 255), abs=1)


def test_a_picture_without_a_foreground_fails_its_own_job_alone(listening: Listening, catalog: Catalog) -> None:
    plain = raster_of(Image.new("RGB", (128, 128), BLUE))
    ended = done(
        listening,
        plain=replace_background(catalog, image=plain, background="lime"),
        dull=relight(catalog, image=plain, light_direction="left"),
        square=replace_background(catalog, image=scene(), background="lime"),
        removed=remove_background(catalog, image=plain),
    )
    assert {name: end.code for name, end in ended.items() if isinstance(end, Failed)} == {
        "plain": "nothing_found",
        "dull": "nothing_found",
    }


def test_in_company_each_has_what_it_has_alone(listening: Listening, catalog: Catalog) -> None:
    drawn: dict[str, Any] = {"prompt": "a star", "steps": 3, "seed": 2}
    tasks: dict[str, Task] = {
        "drawn": replace_background(catalog, image=scene(), edge=Edge(feather=2), **drawn),
        "joined": replace_background(catalog, image=scene(), background="lime", strength=0.5, **drawn),
        "lit": relight(catalog, image=scene("yellow"), light_direction="above", **drawn),
    }
    alone = {name: picture(listening, task) for name, task in tasks.items()}
    for name, ended in done(listening, **tasks).items():
        (only,) = ended.pictures
        assert only.seed == 2
        together = picture_of(only)
        assert np.abs(levels(together) - levels(alone[name])).max() <= 1, name


@pytest.mark.parametrize(
    ("plan", "said", "error", "field"),
    [
        (replace_background, {}, TaskRefused, "prompt"),
        (replace_background, {"background": "redish"}, TaskRefused, "background"),
        (replace_background, {"background": "red", "fit": "best"}, TaskRefused, "fit"),
        (replace_background, {"background": "red", "preserve_subject": 2}, TaskRefused, "preserve_subject"),
        (replace_background, {"background": "red", "strength": 0.001}, TaskRefused, "strength"),
        (replace_background, {"background": "red", "method": "network"}, ModelNotInstalled, "model"),
        (replace_background, {"background": "red", "matting": "tiny"}, TaskRefused, "matting"),
        (replace_background, {"background": "red", "matting": "nobody"}, DarkroomError, "matting"),
        (relight, {}, TaskRefused, "prompt"),
        (relight, {"light_direction": "behind"}, TaskRefused, "light_direction"),
        (relight, {"light_direction": "left", "light_strength": -1}, TaskRefused, "light_strength"),
        (relight, {"prompt": "evening", "steps": 5000}, TaskRefused, "steps"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_field_to_blame(
    catalog: Catalog, plan: Any, said: dict[str, Any], error: type[DarkroomError], field: str
) -> None:
    with pytest.raises(error) as raised:
        plan(catalog, image=scene(), **said)
    assert raised.value.field == field
