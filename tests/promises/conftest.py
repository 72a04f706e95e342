"""What the promises share: how much of each is done, and the table of what was done and came of it.

Without --torture each is kept in small; `scripts/torture` runs the same code in full and writes the table down.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarking.tables import publish, table

FIGURES = Path(__file__).parents[2] / "benchmarks" / "torture.json"
ROWS = pytest.StashKey[dict[str, dict[str, Any]]]()


class Torture:
    """How much one test is to do, and what it then says of it: one row of the table."""

    def __init__(self, name: str, rows: dict[str, dict[str, Any]], *, is_full: bool) -> None:
        self._name, self._rows = name, rows
        self.is_full = is_full
        self._started = time.monotonic()

    def many(self, few: int, in_full: int) -> int:
        return in_full if self.is_full else few

    def tell(self, promise: str, done: str, count: int, result: str) -> None:
        """Call last, when all of it held. count: of what was done. result: what came of it, with its figures."""
        seconds = round(time.monotonic() - self._started)
        self._rows[self._name] = {
            "promise": promise, "done": done, "count": count, "result": result, "seconds": seconds,
        }  # fmt: skip


@pytest.fixture
def torture(request: pytest.FixtureRequest) -> Torture:
    rows = request.config.stash.setdefault(ROWS, {})
    return Torture(request.node.name.removeprefix("test_"), rows, is_full=request.config.getoption("--torture"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Figures are written where everything held; those of promises that did not run this time stay."""
    found = config.stash.get(ROWS, {})
    if not found or not config.getoption("--torture"):
        return
    before = json.loads(FIGURES.read_text())["rows"] if FIGURES.exists() else {}
    rows = before | found if exitstatus == 0 else found
    names = ("promise", "done", "count", "result", "seconds")
    text = table(names, *([row[name] for name in names] for row in rows.values()))
    terminalreporter.section("what was done, and what came of it")
    terminalreporter.write_line(text)
    if exitstatus == 0:
        publish({"command": "scripts/torture", "cores": os.cpu_count(), "rows": rows}, text, FIGURES)
