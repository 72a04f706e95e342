"""It starts and draws with no network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.judge import look
from tests.promises.namespaces import namespace

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

pytestmark = pytest.mark.draws


@pytest.mark.parametrize("guard", ["namespace", "hook"])
def test_the_server_starts_and_draws_with_no_network(guard: str, tmp_path: Path) -> None:
    prefix = namespace("--net") if guard == "namespace" else []
    guard = guard if prefix else "hook"  # without the right to make namespaces, the hook is what can be had
    environment = {**os.environ, "GUARD": guard, "PYTHONPATH": os.pathsep.join([str(HERE), str(ROOT)])}
    command = [*prefix, sys.executable, str(HERE / "alone.py"), str(tmp_path)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)
    assert ended.returncode == 0, ended.stderr + (tmp_path / "log").read_text()
    sight = look(Image.open(tmp_path / "picture.png"))
    assert (sight.colour, sight.background) == ("blue", "pink")
