"""The scripts on a small project of their own: real venv, real pip, no network, a program that tells its call."""

import fcntl
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ["scripts/serve", "scripts/test", "scripts/check", "scripts/environment.sh", ".ci/run"]

PROJECT = """
    [build-system]
    requires = []
    build-backend = "backend"
    backend-path = ["."]

    [project]
    name = "small"
    version = "1"
"""

# The least that pip takes for a build backend (PEP 517, PEP 660): a wheel that holds one command.
BACKEND = """
    import zipfile

    INFO = {
        "METADATA": "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\nProvides-Extra: dev\\n",
        "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "entry_points.txt": "[console_scripts]\\ndarkroom = small:main\\n",
    }
    CODE = "import os, sys\\ndef main(): print(os.getpid(), os.getcwd(), *sys.argv[1:])\\n"

    def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
        files = {"small.py": CODE} | {f"small-1.dist-info/{name}": text for name, text in INFO.items()}
        record = "".join(f"{name},,\\n" for name in [*files, "small-1.dist-info/RECORD"])
        with zipfile.ZipFile(f"{wheel_directory}/small-1-py3-none-any.whl", "w") as wheel:
            for name, text in (files | {"small-1.dist-info/RECORD": record}).items():
                wheel.writestr(name, text)
        return "small-1-py3-none-any.whl"

    build_wheel = build_editable
"""
BROKEN_BACKEND = "raise SystemExit('pip was called')\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of two files under our scripts, not installed yet; the tests of this module share it, in order."""
    folder = tmp_path_factory.mktemp("a folder") / "project"
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("training", "__pycache__"))
    (folder / "pyproject.toml").write_text(textwrap.dedent(PROJECT))
    (folder / "backend.py").write_text(textwrap.dedent(BACKEND))
    (folder / "constraints.txt").touch()
    return folder


def start(project: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PYTHON": sys.executable}
    return subprocess.Popen(
        [project / "scripts" / "serve", *arguments],
        cwd=project.parent,
        env=os.environ | offline | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def serve(project: Path, *arguments: str, **environment: str) -> str:
    run = start(project, *arguments, **environment)
    output, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    return output


def test_an_unfit_python_gets_a_sentence_and_leaves_nothing(project: Path) -> None:
    run = start(project, PYTHON="no-such-python")
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 1
    assert errors.splitlines()[-1].startswith("darkroom: no-such-python is not Python 3.11 or newer; name one that is")
    assert not (project / ".venv").exists()


def test_the_first_start_installs_and_the_program_takes_the_place_of_the_script(project: Path) -> None:
    run = start(project, "--models", "./my models.yaml")
    output, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    assert output == f"{run.pid} {project.parent} serve --models ./my models.yaml\n"


def test_once_installed_a_start_does_not_call_pip(project: Path) -> None:
    (project / "backend.py").write_text(BROKEN_BACKEND)
    assert "serve --port 1" in serve(project, "--port", "1")
    (project / "backend.py").write_text(textwrap.dedent(BACKEND))


def test_an_installation_cut_short_is_taken_up_again(project: Path) -> None:
    (project / ".venv" / "bin" / "darkroom").unlink()
    (project / ".venv" / "installed-").unlink()
    assert "serve" in serve(project)


def test_a_failed_installation_is_not_taken_for_a_finished_one(project: Path) -> None:
    with (project / "constraints.txt").open("a") as constraints:
        constraints.write("# something new\n")
    (project / "backend.py").write_text(BROKEN_BACKEND)
    for _ in range(2):
        run = start(project)
        _, errors = run.communicate(timeout=60)
        assert run.returncode == 1
        assert "pip could not install" in errors.splitlines()[-1]
    (project / "backend.py").write_text(textwrap.dedent(BACKEND))
    assert "serve" in serve(project)


def test_the_second_of_two_installations_waits_and_then_has_nothing_to_do(project: Path) -> None:
    stamp = project / ".venv" / "installed-"
    wanted = stamp.read_text()
    stamp.unlink()
    (project / "backend.py").write_text(BROKEN_BACKEND)
    lock = os.open(project, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    run = start(project)
    assert run.stderr is not None
    assert run.stderr.readline() == "darkroom: waiting for another installation to end\n"
    stamp.write_text(wanted)
    os.close(lock)
    output, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    assert "serve" in output
    (project / "backend.py").write_text(textwrap.dedent(BACKEND))


def test_a_copied_folder_runs_its_own_code(project: Path) -> None:
    copy = project.parent / "copy"
    shutil.copytree(project, copy, symlinks=True)
    assert "serve" in serve(copy)
    assert str(copy) in (copy / ".venv" / "bin" / "darkroom").read_text()


def test_the_scripts_are_clean() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    run = subprocess.run(
        [shellcheck, "--external-sources", "--source-path=SCRIPTDIR", *SCRIPTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("script", [script for script in SCRIPTS if not script.endswith(".sh")])
def test_a_script_stops_at_its_first_failure_and_may_be_executed(script: str) -> None:
    assert "set -euo pipefail" in (ROOT / script).read_text()
    assert os.access(ROOT / script, os.X_OK)
