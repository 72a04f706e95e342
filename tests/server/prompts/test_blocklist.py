"""What the operator lists is not drawn, through whatever door it comes, and no line of the list can hang the server."""

import base64
import io
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipelines.errors import CatalogInvalid
from pipelines.tasks import (
    Crop,
    FirstPass,
    Inpaint,
    Raster,
    SearchAndRecolor,
    SearchAndReplace,
    SecondPass,
    Task,
    TextToImage,
)
from server.errors import PromptBlocked
from server.prompts import blocklist
from server.prompts.blocklist import Blocklist
from tests.server.serving import Serve

LIST = """# what we do not draw
Grue
wumpus hunt
/gl[iy]ph[0-9]+/
Straße
"""
JOBS = "/darkroom/v1/jobs"


def encoded(mode: str = "RGB") -> str:
    file = io.BytesIO()
    Image.new(mode, (64, 64), "white").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "blocked.txt"
    path.write_text(LIST)
    return path


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        ("a grue", True),
        ("A GRUE!", True),
        ("a \uff47\uff52\uff55\uff45 in full width", True),
        ("a gr\u200bue\u00ad", True),
        ("a (grue:1.3)", True),
        ("gruesome", False),
        ("a congrue", False),
        ("a wumpus hunt", True),
        ("a Wumpus-Hunt", True),
        ("a (wumpus:1.2) hunt", True),
        ("a wumpus\nhunt", True),
        ("a hunt for a wumpus", False),
        ("glyph7", True),
        ("myGLIPH12s", True),
        ("glyphs", False),
        ("die STRASSE", True),
        ("# what we do not draw", False),
        ("", False),
    ],
)
def test_what_is_listed_is_found_as_whole_words(listed: Path, text: str, blocked: bool) -> None:
    assert Blocklist.load(listed).blocks(text) is blocked


def test_without_a_list_nothing_is_blocked() -> None:
    assert not Blocklist.load(None).blocks("a grue")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("fine\n/(/", r"blocked.txt: line 2: .*RE2"),
        ("/(a)\\1/", "line 1"),
        ("/a*/", "line 1: .*every prompt"),
        ("!?", "line 1: .*no word"),
        ("/x/\n" * (blocklist.MOST_EXPRESSIONS + 1), "at most 200"),
        ("x\n" * (blocklist.MOST_LINES + 1), "at most"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "blocked.txt"
    path.write_text(content)
    with pytest.raises(CatalogInvalid, match=told):
        Blocklist.load(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_a_list_that_cannot_be_read_is_a_mistake_and_not_an_empty_one(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "blocked.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CatalogInvalid, match=r"^blocked\.txt: "):
        Blocklist.load(path)


@pytest.mark.parametrize("evil", ["(a+)+$", "(a|aa)+$", "(a|a?)+$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_an_expression_that_makes_others_hang_does_not_hang(evil: str) -> None:
    """pytest's time limit is what would tell."""
    assert not Blocklist((f"/x{evil}/",)).blocks("xa" + "a" * 100_000 + "!")


def test_it_finds_what_a_plain_search_over_words_finds() -> None:
    """Random phrases over five words, against the naive way of looking for them."""
    dice = random.Random(6)
    vocabulary = "ash birch cedar elm fir".split()
    for _ in range(300):
        phrases = tuple(" ".join(dice.choices(vocabulary, k=dice.randint(1, 3))) for _ in range(3))
        text = " ".join(dice.choices(vocabulary, k=dice.randint(0, 6)))
        plainly = any(re.search(rf"\b{phrase}\b", text) for phrase in phrases)
        assert Blocklist(phrases).blocks(text) is plainly


DOORS: list[tuple[str, dict[str, Any], str]] = [
    (JOBS, {"task": "text_to_image", "prompt": "a grue"}, "prompt"),
    (JOBS, {"task": "text_to_image", "prompt": "a star", "negative_prompt": "grue"}, "negative_prompt"),
    (JOBS, {"task": "image_to_image", "image": encoded(), "prompt": "a grue", "strength": 0.5}, "prompt"),
    (JOBS, {"task": "upscale", "image": encoded(), "mode": "creative", "prompt": "a grue"}, "prompt"),
    ("/v1/images/generations", {"prompt": "a grue"}, "prompt"),
    ("/v1/images/generations", {"prompt": "a star", "negative_prompt": "Grue"}, "negative_prompt"),
]


@pytest.mark.parametrize(("door", "body", "field"), DOORS)
def test_no_door_lets_it_through_and_none_repeats_it(
    serve: Serve, listed: Path, door: str, body: dict[str, Any], field: str
) -> None:
    served = serve(blocklist=listed)
    answer = served.client.post(door, json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    code = "moderation_blocked" if door.startswith("/v1/") else "prompt_blocked"
    assert (error["code"], error.get("field", error.get("param"))) == (code, field)
    assert "grue" not in answer.text.lower()
    assert served.worker.tasks == []


WHITE = Raster(8, 8, b"\xff" * 192)
DRAWN = Inpaint(
    model="flat", prompt="a star", negative_prompt="", width=64, height=64, steps=1, guidance_scale=4.0,
    sampler="euler", seed=1, image=WHITE, mask=Raster(8, 8, b"\xff" * 64), strength=0.5,
)  # fmt: skip
TWICE = TextToImage("flat", "a star", "", 64, 64, 8, 4.0, "euler", 1, first_pass=FirstPass(8, 8, 4, 0.5))


@pytest.mark.parametrize(
    ("task", "field"),
    [
        (DRAWN, None),
        (replace(DRAWN, prompt="a grue"), "prompt"),
        (SearchAndRecolor(image=WHITE, words="the grue", colour="#ff0000"), "words"),
        (SearchAndReplace(image=WHITE, words="the star", dilation=0, drawn=replace(DRAWN, prompt="a grue")), "prompt"),
        (SearchAndReplace(image=WHITE, words="the star", dilation=0, drawn=DRAWN), None),
        (Crop(image=WHITE, width=8, height=8), None),
        (replace(DRAWN, prompt="a gr[ue:0]"), "prompt"),
        (replace(DRAWN, negative_prompt="[gr|a star|gr]ue", steps=8), "negative_prompt"),
        (replace(DRAWN, prompt="[a|an] [star:moon:0.5]", steps=8), None),
        (replace(TWICE, first_pass=FirstPass(8, 8, 4, 0.5, SecondPass(prompt="a grue"))), "prompt"),
        (replace(TWICE, prompt="a gr[a:u:1.5]e", first_pass=FirstPass(8, 8, 4, 0.5)), "prompt"),
        (TWICE, None),
    ],
)
def test_a_task_is_searched_with_what_it_is_made_of(task: Task, field: str | None) -> None:
    blocklist = Blocklist(("grue",))
    if field is None:
        blocklist.check(task)
        return
    with pytest.raises(PromptBlocked) as caught:
        blocklist.check(task)
    assert caught.value.field == field


def test_other_prompts_are_drawn_as_ever(serve: Serve, listed: Path) -> None:
    served = serve(blocklist=listed)
    body = {"task": "text_to_image", "prompt": "something gruesome", "steps": 1}
    assert served.client.post(JOBS, json=body).status_code == 202
