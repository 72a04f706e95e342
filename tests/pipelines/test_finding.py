"""What words name is painted or drawn anew, and nothing else in the picture; where they fit nothing, that is said."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from pipelines.canvas import picture_of, raster_of
from pipelines.catalog import Catalog
from pipelines.engine.protocol import Failed, Finished
from pipelines.errors import DarkroomError, ModelNotInstalled, ModelUnknown, NothingFound, TaskRefused
from pipelines.planning import inpaint, search_and_recolor, search_and_replace
from pipelines.recolor import dilated
from pipelines.registry import Registry
from pipelines.tasks import Foreground, Raster, Task
from pipelines.tools import Tools
from tests.pipelines.conftest import Write
from tests.pipelines.engine.company import Listening
from tests.pipelines.tiny_clipseg import FILES, save_tiny_clipseg

SEEKER = {"id": "seeker", "kind": "segmenter", "files": [{"path": path} for path in FILES]}
NO_DRAWING = {"defaults": None, "native_sizes": [], "direct": None}
SQUARE = (40, 24, 80, 64)


class ByColour:
    """A segmenter that knows colours: its words name one. batches: how many pictures it was shown at a time."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def masks(self, asked: Sequence[tuple[Image.Image, str]]) -> list[Image.Image | NothingFound]:
        self.batches.append(len(asked))
        return [self._mask(image, ImageColor.getrgb(words)) for image, words in asked]

    def _mask(self, image: Image.Image, colour: tuple[int, ...]) -> Image.Image | NothingFound:
        near = np.abs(np.asarray(image.convert("RGB"), dtype=int) - colour).max(axis=-1) < 60
        mask = Image.fromarray(np.where(near, 255, 0).astype(np.uint8))
        return mask if near.any() else NothingFound("Nothing in the picture is what the words say.")


@pytest.fixture
def with_seeker(tiny_folder: Path, tmp_path: Path, catalogued: Write) -> Catalog:
    """Of the tiny model, a tiny segmenter, and one that is not there."""
    save_tiny_clipseg(tmp_path / "models" / "seeker")
    (tmp_path / "models" / "tiny").symlink_to(tiny_folder)
    return catalogued({}, NO_DRAWING | SEEKER, NO_DRAWING | SEEKER | {"id": "missing"})


@pytest.fixture
def listening(with_seeker: Catalog) -> Listening:
    return Listening(with_seeker, Registry(with_seeker, torch.device("cpu"), torch.float32, None))


@pytest.fixture
def by_colour(monkeypatch: pytest.MonkeyPatch) -> ByColour:
    seeker = ByColour()
    monkeypatch.setattr(Tools, "segmenter", lambda tools, name: seeker)
    return seeker


def square(mode: str = "RGB") -> Raster:
    """Red, on blue."""
    image = Image.new(mode, (128, 96), "blue")
    image.paste("red", SQUARE)
    return raster_of(image)


def done(listening: Listening, **tasks: Task) -> dict[str, Finished | Failed]:
    """How each ended, all in company."""
    for name, task in tasks.items():
        listening.engine.submit(name, task)
    listening.turn_until_idle()
    return {name: listening.of(name)[-1] for name in tasks}  # type: ignore[misc]  # the last event is one of these


def picture(listening: Listening, task: Task) -> Image.Image:
    ended = done(listening, job=task)["job"]
    assert isinstance(ended, Finished), ended
    (only,) = ended.pictures
    return picture_of(Raster(only.width, only.height, only.pixels))


def recolor(catalog: Catalog, **said: Any) -> Task:
    return search_and_recolor(catalog, **{"image": square(), "select_prompt": "red", "colour": "lime"} | said)


def replacing(catalog: Catalog, **said: Any) -> Task:
    usual = {"image": square(), "search_prompt": "red", "prompt": "a star", "steps": 4, "seed": 3}
    return search_and_replace(catalog, **usual | said)


def test_what_was_found_has_the_other_colour_and_the_rest_its_own(
    with_seeker: Catalog, listening: Listening, by_colour: ByColour
) -> None:
    result = picture(listening, recolor(with_seeker))
    assert result.getpixel((60, 44)) == pytest.approx((0, 255, 0), abs=2)
    assert result.getcolors() == [(1600, result.getpixel((60, 44))), (128 * 96 - 1600, (0, 0, 255))]


def test_the_facts_say_where_it_was_found(with_seeker: Catalog, listening: Listening, by_colour: ByColour) -> None:
    ended = done(listening, exact=recolor(with_seeker), wide=recolor(with_seeker, dilation=4))
    facts = [ended[name].facts for name in ("exact", "wide")]  # type: ignore[union-attr]  # of Finished
    assert facts[0] == Foreground("network", 1600 / (128 * 96), SQUARE)
    assert isinstance(facts[1], Foreground)
    assert facts[1].bounds == (36, 20, 84, 68)


def test_transparency_stays(with_seeker: Catalog, listening: Listening, by_colour: ByColour) -> None:
    clear = picture_of(square("RGBA"))
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    result = picture(listening, recolor(with_seeker, image=raster_of(clear)))
    assert result.getchannel("A").tobytes() == clear.getchannel("A").tobytes()


@pytest.mark.parametrize("drawn", [{}, {"mask_blur": 4, "fill": "noise"}, {"only_masked": True, "padding": 8}], ids=str)
def test_what_was_found_is_drawn_anew_as_an_inpainting_there_would(
    with_seeker: Catalog, listening: Listening, by_colour: ByColour, drawn: dict[str, Any]
) -> None:
    result = picture(listening, replacing(with_seeker, dilation=5, **drawn))
    found, _ = by_colour.masks([(picture_of(square()), "red")] * 2)
    assert isinstance(found, Image.Image)
    mask = raster_of(dilated(found, 5))
    inside = inpaint(with_seeker, image=square(), mask=mask, prompt="a star", steps=4, seed=3, **drawn)
    assert result.tobytes() == picture(listening, inside).tobytes()
    changed = np.asarray(result) != np.asarray(picture_of(square()))
    assert changed[24:64, 40:80].any()
    assert not changed[:10].any()


def test_several_pictures_can_be_asked_for(with_seeker: Catalog, listening: Listening, by_colour: ByColour) -> None:
    ended = done(listening, job=replacing(with_seeker, count=2))["job"]
    assert isinstance(ended, Finished)
    assert [one.seed for one in ended.pictures] == [3, 4]
    assert ended.pictures[0].pixels != ended.pictures[1].pixels


def test_words_that_fit_nothing_fail_their_own_job_alone(
    with_seeker: Catalog, listening: Listening, by_colour: ByColour
) -> None:
    ended = done(
        listening,
        found=recolor(with_seeker),
        lost=recolor(with_seeker, select_prompt="yellow"),
        replaced=replacing(with_seeker),
        missed=replacing(with_seeker, search_prompt="yellow"),
    )
    codes = {name: end.code for name, end in ended.items() if isinstance(end, Failed)}
    assert codes == {"lost": "nothing_found", "missed": "nothing_found"}
    assert by_colour.batches == [4]  # one look at all of them


def test_a_true_segmenter_gives_in_company_what_it_gives_alone(with_seeker: Catalog, listening: Listening) -> None:
    """The random network finds something or other everywhere."""
    tasks = {name: recolor(with_seeker, select_prompt=name) for name in ("a star", "the sea")}
    alone = {name: done(listening, **{name: task})[name] for name, task in tasks.items()}
    together = done(listening, **tasks)
    for name, end in together.items():
        assert type(end) is type(alone[name])
        if isinstance(end, Finished):
            assert end.facts == alone[name].facts  # type: ignore[union-attr]  # it is Finished too


@pytest.mark.parametrize(
    ("asked", "error", "field"),
    [
        (lambda catalog: recolor(catalog, select_prompt=" "), TaskRefused, "select_prompt"),
        (lambda catalog: recolor(catalog, select_prompt="a" * 5000), TaskRefused, "select_prompt"),
        (lambda catalog: recolor(catalog, colour="redish"), TaskRefused, "colour"),
        (lambda catalog: recolor(catalog, dilation=-1), TaskRefused, "dilation"),
        (lambda catalog: recolor(catalog, dilation=9999), TaskRefused, "dilation"),
        (lambda catalog: recolor(catalog, segmenter="tiny"), TaskRefused, "segmenter"),
        (lambda catalog: recolor(catalog, segmenter="nobody"), ModelUnknown, "segmenter"),
        (lambda catalog: recolor(catalog, segmenter="missing"), ModelNotInstalled, "segmenter"),
        (lambda catalog: replacing(catalog, search_prompt=""), TaskRefused, "search_prompt"),
        (lambda catalog: replacing(catalog, mask_blur=-1), TaskRefused, "mask_blur"),
        (lambda catalog: replacing(catalog, strength=0.0), TaskRefused, "strength"),
        (lambda catalog: replacing(catalog, model="seeker"), TaskRefused, "model"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_field_to_blame(
    with_seeker: Catalog, asked: Any, error: type[DarkroomError], field: str
) -> None:
    with pytest.raises(error) as raised:
        asked(with_seeker)
    assert raised.value.field == field


def test_without_a_segmenter_nothing_can_be_found(catalog: Catalog) -> None:
    with pytest.raises(ModelNotInstalled):
        recolor(catalog)
