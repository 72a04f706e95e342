"""What all tests share: the option --full, what the markers mean, and an environment without the reader's settings."""

import os

import pytest
from hypothesis import settings

# The same examples every time, and no example fails for being slow: the machine may be busy.
settings.register_profile("darkroom", derandomize=True, deadline=None)
settings.load_profile("darkroom")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run every case, not a sample, and write its figures")


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


@pytest.fixture(autouse=True)
def no_settings_of_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DARKROOM_")]:
        monkeypatch.delenv(name)
