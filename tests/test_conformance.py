"""What scripts/conformance says of a client is what its program found, and what the judge saw."""

import sys
from pathlib import Path

from PIL import Image

from conforming.clients import CLIENTS, PROGRAMS, Client, Environment, run
from conforming.judging import differ, give, wrong
from conforming.table import Outcome, page
from tests.judge import look

PROGRAM = """
from checking import Absent, run

def check_a_blue_star_comes_back(desk):
    desk.got(desk.open("scene"), shows={"colour": "blue", "shape": "star"})

def check_a_red_one_does(desk):
    desk.got(desk.path("scene").read_bytes(), size=(64, 64), shows={"colour": "red"}, alike=True)

def check_what_breaks(desk):
    raise ValueError("broken")

def check_what_is_not_here(desk):
    raise Absent("nothing to try it with")

run(globals())
"""


def test_every_client_has_a_program() -> None:
    assert all((PROGRAMS / client.program).is_file() for client in CLIENTS)
    assert len({client.name for client in CLIENTS}) == len(CLIENTS)


def test_each_check_is_told_whatever_became_of_the_one_before(tmp_path: Path) -> None:
    program = tmp_path / "small_client.py"
    program.write_text(f"import sys\nsys.path.insert(0, {str(PROGRAMS)!r})\n{PROGRAM}")
    give(tmp_path)
    client, here = Client(("small",), str(program), "nothing"), Environment(Path(sys.prefix), "1")
    told = run(client, here, "http://127.0.0.1:9", "key", tmp_path)
    assert [each["check"] for each in told] == [
        "a blue star comes back", "a red one does", "what breaks", "what is not here",
    ]  # fmt: skip
    assert [each["error"] for each in told] == [None, None, "ValueError: broken", None]
    assert told[3]["absent"] == "nothing to try it with"
    assert list(wrong(told[0])) == []
    assert list(wrong(told[1])) == ["the picture is 128x128", "the picture's colour is blue, not red"]


def test_masks_cover_the_star_and_leave_the_corners(tmp_path: Path) -> None:
    give(tmp_path)
    assert look(Image.open(tmp_path / "scene.png")).shape == "star"
    white, clear = (Image.open(tmp_path / f"{name}.png") for name in ("white", "clear"))
    assert (white.getpixel((64, 64)), white.getpixel((1, 1))) == (255, 0)
    assert [clear.getpixel(place)[3] for place in ((64, 64), (1, 1))] == [0, 255]  # type: ignore[index]


def test_a_masked_picture_changes_under_its_mask_and_nowhere_else(tmp_path: Path) -> None:
    give(tmp_path)
    scene, white = (Image.open(tmp_path / f"{name}.png") for name in ("scene", "white"))
    red = Image.new("RGB", scene.size, "red")
    pictures = {
        "right": Image.composite(red, scene, white),
        "inverted": Image.composite(scene, red, white),
        "untouched": scene,
    }
    found = {}
    for name, picture in pictures.items():
        picture.save(tmp_path / f"{name}.png")
        file = str(tmp_path / f"{name}.png")
        told = {"file": file, "size": [128, 128], "shows": {}, "alike": False, "masked": True}
        found[name] = list(wrong({"pictures": [told]}))
    outside, inside = "what lies outside the mask has changed", "what lies under the mask is as it was"
    assert found == {"right": [], "inverted": [outside, inside], "untouched": [inside]}


def test_pictures_differ_by_a_single_pixel(tmp_path: Path) -> None:
    give(tmp_path)
    other = Image.open(tmp_path / "scene.png")
    same, changed = tmp_path / "same.png", tmp_path / "changed.png"
    other.save(same)
    other.putpixel((3, 3), (1, 2, 3))
    other.save(changed)
    assert not differ([str(tmp_path / "scene.png"), str(same)])
    assert differ([str(tmp_path / "scene.png"), str(changed)])


def test_the_page_tells_what_passed_of_what_and_why_the_rest_did_not() -> None:
    outcome = Outcome(CLIENTS[0], "1.2", ["draws"], {"sees": "no eyes"}, {"sings": "no voice"})
    text = page([outcome], (2, True), "2026-01-02", "abc")
    assert "| `openai` | 1.2 | OpenAI | draws, sings | 1 of 2 |" in text
    assert "- `openai`, sings: no voice" in text.partition("## Not passed")[2]
    assert "- `openai`, sees: no eyes" in text.partition("## Not run")[2]
    assert "by 2 clients: the same picture" in text
    assert "| LibreChat" in text
    assert "2026-01-02" in text
    assert "Not run" not in page([Outcome(CLIENTS[0], "1")], None, "2026-01-02", "abc")
