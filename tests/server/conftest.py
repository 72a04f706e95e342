"""The servers that these tests talk to, without their log."""

from collections.abc import Iterator

import pytest
import structlog

from tests.server.serving import quiet, serve, shared

__all__ = ["quiet", "serve", "shared"]


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    """A command that ran in this process left logs that go to its stream, which is closed by now."""
    yield
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
