"""What people read: README.md and the pages of docs/, their blocks of code, their links and their headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [*EXAMPLES, *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"))]
# What keeps a command out of the tests, written where its reader sees it.
NEEDS = re.compile(r"#.*\bneeds (the internet|a GPU|root)\b")
FENCE = re.compile(r"^( {0,3})```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?:    .*\n|\n(?=    ))+")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """language: as the fence says it; what is merely indented is for a shell."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        yield Block(page, line_of(text, found.start()), found[2], found[3])
    for found in INDENTED.finditer(without_fences(text)):
        lines = [line.removeprefix("    ") for line in found[0].splitlines()]
        yield Block(page, line_of(text, found.start()), "sh", "\n".join(lines).strip() + "\n")


def line_of(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def without_fences(text: str) -> str:
    """With blank lines where the fenced blocks were, so that lines keep their numbers."""
    return FENCE.sub(lambda found: re.sub(r"[^\n]", "", found[0]), text)


def commands(script: str) -> list[str]:
    """Those that can run anywhere; a first line that is a remark about a need is about all of them."""
    if NEEDS.match(script):
        return []
    whole = re.findall(r"(?:.*\\\n)*.+\n", script)
    return [command for command in whole if not NEEDS.search(command)]


def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub spells them."""
    titles = HEADING.findall(without_fences(page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> list[str]:
    """To files of this repository."""
    found = LINK.findall(without_fences(page.read_text(encoding="utf-8")))
    return [link for link in found if "://" not in link]


def quoted(page: Path) -> list[str]:
    """What stands between backticks, outside of blocks."""
    return re.findall(r"`([^`\n]+)`", without_fences(page.read_text(encoding="utf-8")))
