"""What all tests share: the option --full, what the markers mean, no settings of the reader, the same seeds."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests import corpus

if TYPE_CHECKING:
    from tests.shapes import Artist

# The same examples every time, and no example fails for being slow: the machine may be busy.
settings.register_profile("darkroom", derandomize=True, deadline=None)
settings.load_profile("darkroom")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run every case, not a sample, and write its figures")
    parser.addoption("--torture", action="store_true", help="keep the promises in full, see scripts/torture")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--full"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("full")])
        items[:] = [item for item in items if not item.get_closest_marker("full")]
    needing_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if needing_gpu and not _has_cuda():
        for item in needing_gpu:
            item.add_marker(pytest.mark.skip(reason="needs CUDA"))


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


_REPORTED = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Callable[[list[str]], None]:
    """Lines for the end of the run, where people look: tables of the judge, figures."""
    return request.config.stash.setdefault(_REPORTED, []).extend


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes hands its lines to the one that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["reported"] = session.config.stash.get(_REPORTED, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    told = getattr(node, "workeroutput", {}).get("reported", [])
    node.config.stash.setdefault(_REPORTED, []).extend(told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(_REPORTED, []):
        terminalreporter.section("what the judge saw")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def artist() -> "Artist":
    """Draws with the committed shapes model; loaded once for all tests."""
    from tests.shapes import Artist

    return Artist()


@pytest.fixture(scope="session")
def pillow_images() -> Path:
    """The folder of pictures that Pillow is tested with, see tests/corpus.py; skips where it cannot be had."""
    folder = corpus.folder()
    if folder is None:
        pytest.skip("the pictures in Pillow's sources are not in the cache, and could not be downloaded")
    return folder


@pytest.fixture(autouse=True)
def no_settings_of_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DARKROOM_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def the_same_seeds_every_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture without a seed is drawn from one of chance, and a few come out wrong: no run is to be unlucky."""
    monkeypatch.setattr(secrets, "randbelow", Random(request.node.nodeid).randrange)
