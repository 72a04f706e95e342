"""The shape of the project: arrows hold and would be missed, the door opens without torch, nothing grows too big."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
PYTHON_SCRIPT = b"#!/usr/bin/env python3"
MOST_LINES = {"file": 400, "function": 60}


def arrows(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINT_IMPORTS, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def tracked_files() -> list[Path]:
    """The files of the project, as git has them or would take them."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def python_files() -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".py" or path.read_bytes().startswith(PYTHON_SCRIPT)]


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    """The code without its weights, to add forbidden imports to."""
    left_out = shutil.ignore_patterns("*.safetensors", "__pycache__")
    for package in ("server", "pipelines"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_arrows_hold() -> None:
    run = arrows(ROOT)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        pytest.param("server/settings.py", "import server.jobs", "Inside the server", id="upwards"),
        pytest.param("server/extra.py", "", "Inside the server", id="a module without a place"),
        pytest.param("server/app.py", "import pipelines.registry", "The server knows the words", id="past the worker"),
        pytest.param("pipelines/tasks.py", "import torch", "loads no torch", id="torch among the words"),
        pytest.param("server/dialects/extra.py", "import server.dialects.openai", "Dialects do not", id="a neighbour"),
        pytest.param("pipelines/catalog.py", "import server.errors", "neither HTTP nor SQL", id="back to the server"),
        pytest.param("pipelines/catalog.py", "import httpx", "neither HTTP nor SQL", id="HTTP in a pipeline"),
        pytest.param("pipelines/catalog.py", "import pipelines.demo.draw", "scene drawer", id="the scene drawer"),
    ],
)
def test_a_forbidden_import_is_caught(copied_tree: Path, file: str, line: str, contract: str) -> None:
    with (copied_tree / file).open("a") as code:
        code.write(f"\n{line}\n")
    run = arrows(copied_tree)
    broken = [row for row in run.stdout.splitlines() if " BROKEN" in row]
    assert run.returncode == 1, run.stdout
    assert any(contract in row for row in broken), run.stdout


def test_the_door_opens_without_torch() -> None:
    program = "import sys, server.app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_every_door_submits_where_requests_are_counted_and_charged() -> None:
    doors = [path for folder in ("dialects", "routes", "http") for path in (ROOT / "server" / folder).rglob("*.py")]
    assert [path.name for path in doors if "jobs.submit(" in path.read_text()] == ["waiting.py"]


def test_no_file_and_no_function_is_too_long_to_read() -> None:
    long = []
    for path in python_files():
        if len(path.read_text().splitlines()) > MOST_LINES["file"]:
            long.append(str(path.relative_to(ROOT)))
        for function in functions(path):
            if (function.end_lineno or function.lineno) - function.lineno >= MOST_LINES["function"]:
                long.append(f"{path.relative_to(ROOT)}: {function.name}")
    assert long == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        path
        for path in python_files()
        if path.name != "conftest.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    place = re.compile(rb"(?<![\w.])/(home|root|work|Users)/\w")
    texts = [path for path in tracked_files() if path.suffix not in {".safetensors", ".png"}]
    assert [path.relative_to(ROOT) for path in texts if place.search(path.read_bytes())] == []
