"""What the pages name is there: pages and headings that they link to, files, settings, commands, tests."""

import re
from pathlib import Path

import pytest

from server.cli import app
from server.secret_files import variable
from server.settings import Settings
from tests.docs.pages import PAGES, ROOT, anchors, links, quoted

OURS = (
    "deploy/",
    "server/",
    "pipelines/",
    "tests/",
    "scripts/",
    "docs/",
    "benchmarks/",
    "models.yaml",
    "Dockerfile.cuda",
)
FILE = re.compile(r"[\w./*-]+")
SETTING = re.compile(r"DARKROOM_[A-Z0-9_]+")
COMMAND = re.compile(r"^darkroom ([a-z]+)")
TEST = re.compile(r"^test_\w+$")
# Variables that are no settings: what a client keeps its key in.
NO_SETTINGS = {"DARKROOM_KEY"}
IN_A_WHEEL = {"pipelines/models.yaml"}

of_pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@of_pages
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [link for link in links(page) if not leads_somewhere(page, link)] == []


def leads_somewhere(page: Path, link: str) -> bool:
    place, _, anchor = link.partition("#")
    target = (page.parent / place) if place else page
    return target.exists() and (not anchor or anchor in anchors(target))


@of_pages
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = [name for name in quoted(page) if name.startswith(OURS) and FILE.fullmatch(name)]
    assert {name for name in named if not list(ROOT.glob(name.rstrip("/")))} <= IN_A_WHEEL


@of_pages
def test_every_setting_that_is_named_is_one(page: Path) -> None:
    secrets = {f"{variable(name)}_FILE" for name in Settings.secret_names()}
    known = {variable(name) for name in Settings.model_fields} | secrets | NO_SETTINGS
    assert set(SETTING.findall(page.read_text(encoding="utf-8"))) <= known


@of_pages
def test_every_command_that_is_named_is_one(page: Path) -> None:
    groups = [group.name for group in app.registered_groups]
    known = {*groups, *(command.callback.__name__ for command in app.registered_commands if command.callback)}
    assert {found[1] for name in quoted(page) if (found := COMMAND.match(name))} <= known


@pytest.mark.parametrize("page", ["docs/security.md"])
def test_every_test_that_is_named_is_one(page: str) -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    named = [name for name in quoted(ROOT / page) if TEST.match(name)]
    assert named
    assert [name for name in named if f"def {name}(" not in code] == []


def test_every_page_is_in_the_index() -> None:
    docs = ROOT / "docs"
    listed = {(docs / link).resolve() for link in links(docs / "README.md")}
    assert [page for page in docs.rglob("*.md") if page.resolve() not in listed and page.name != "README.md"] == []
