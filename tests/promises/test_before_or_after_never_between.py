"""Whatever the store does, and wherever it is struck: what was asked for is done or not begun, and work goes on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.promises.conftest import Torture

ROOT = Path(__file__).parents[2]
STRIDE = 23  # in small, strikes lie so many operations apart


@pytest.mark.parametrize("how", ["killed", "failed"])
def test_store_struck_at_its_kth_operation(how: str, torture: Torture, tmp_path: Path) -> None:
    stride = torture.many(STRIDE, 1)
    command = [sys.executable, "-m", "tests.promises.crashing", str(tmp_path), how, str(stride)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    strikes = told["begun"] + told["done"]
    assert strikes == len(range(1, told["operations"] + 1, stride))
    assert told["operations"] > 100
    done = f"process {how} at the k-th of the store's operations" if how == "killed" else "k-th operation failed"
    result = f"{told['begun']} before, {told['done']} after, 0 between"
    torture.tell("A step happens as a whole or not at all", done, strikes, result)
