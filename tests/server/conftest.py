"""The servers that these tests talk to, without their log."""

from collections.abc import Iterator

import pytest

from tests.server.serving import hush, quiet, serve, shared

__all__ = ["quiet", "serve", "shared"]


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    yield
    hush()
