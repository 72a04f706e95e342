"""docs/troubleshooting.md has a row for every code that there is, with its status, and none for another."""

import re

from server.errors import ANSWERS
from tests.docs.pages import ROOT

ROW = re.compile(r"^\| `(\w+)` \| (\d*) ?\| (.+) \| (.+) \|$", re.MULTILINE)
CODE = re.compile(r'^    code = "(\w+)"$', re.MULTILINE)


def test_every_code_has_a_row_with_its_status() -> None:
    listed = {code: status.strip() for code, status, *_ in ROW.findall(page())}
    raised = {code for folder in ("server", "pipelines") for code in codes(folder)}
    assert listed == {code: str(ANSWERS[code].status) if code in ANSWERS else "" for code in raised}


def test_every_row_says_what_happened_and_what_to_do() -> None:
    assert len(ROW.findall(page())) == page().count("\n| `")


def page() -> str:
    return (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


def codes(folder: str) -> set[str]:
    """Of the classes of errors in it."""
    return {code for file in (ROOT / folder).rglob("*.py") for code in CODE.findall(file.read_text(encoding="utf-8"))}
