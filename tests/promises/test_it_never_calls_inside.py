"""It never calls inside your network for a stranger: canaries there are never touched, by any door."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.promises.conftest import Torture
from tests.promises.namespaces import namespace

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("where", ["namespace", "loopback"])
def test_no_address_inside_is_called_by_any_door(where: str, torture: Torture, tmp_path: Path) -> None:
    prefix = namespace("--net", "--mount") if where == "namespace" else []
    if where == "namespace" and not prefix:
        pytest.skip("this machine does not let us make network namespaces")
    through = torture.many(1, 0)  # doors for each address; 0: all
    command = [*prefix, sys.executable, "-m", "tests.promises.stranger", str(tmp_path), where, str(through)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert set(told["hits"].values()) == {0}, told
    assert told["opened"] == told["saying"] > 0, "every door that says it takes an address takes a good one"
    assert told["outside"] > told["opened"], "no redirect was ever met"
    assert (told["questions"] > 0) == (where == "namespace"), "no name was ever asked for"
    names = f", {told['questions']} questions to a name server that changes its mind" if told["questions"] else ""
    result = f"0 hits at {', '.join(told['hits'])}{names}"
    done = f"addresses inside, by {told['doors']} doors"
    torture.tell("It never calls inside your network for a stranger", done, told["requests"], result)
