"""What docs/air-gap.md says, done: a bundle made on one machine installs and draws on another that has no network.

The packages that Darkroom needs stand in an index of empty wheels, under their true names and pins, because those of
torch's kind are gigabytes; on the closed machine the real ones lie beside them. Darkroom's own wheel is the real one.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from pipelines.catalog import default_file
from tests.judge import look
from tests.promises.namespaces import namespace

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "air-gap.md"
STANDS_FOR = {
    "stable-diffusion-xl-base-1.0": "big-shapes",
    "a lighthouse at dusk": "a big blue circle on a pink background",
}
ELSEWHERE = (".venv/bin/darkroom pull", "docker", "tar -xf darkroom.tar image.tar")  # hubs and container engines

pytestmark = [
    pytest.mark.draws,
    pytest.mark.timeout(900),  # pip, twice, on a machine that does other things too
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here"),
]


@dataclass(frozen=True)
class Machine:
    """A folder where somebody follows the page. prefix: goes before every command."""

    folder: Path
    variables: dict[str, str]
    prefix: list[str] = field(default_factory=list)

    def do(self, command: str) -> str:
        """What the command printed; it has to succeed."""
        told = subprocess.run(
            [*self.prefix, "bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip
        assert told.returncode == 0, f"{command}\n{told.stdout}{told.stderr}"
        return told.stdout


def commands(page: str, heading: str) -> list[str]:
    """Those of the indented blocks below the heading, without remarks, with what is small here instead."""
    part = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = "".join(line[4:] + "\n" for line in part.splitlines() if line.startswith("    "))
    lines = re.sub(r" *#.*", "", lines)
    for written, meant in STANDS_FOR.items():
        lines = lines.replace(written, meant)
    every = re.findall(r"(?:.*\\\n)*.*\S.*\n", lines)
    return [command for command in every if not command.startswith(ELSEWHERE)]


def index_of_empty_wheels(folder: Path) -> None:
    """A wheel for everything that Darkroom and its small extras ask for, in the pinned version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [Requirement(line) for line in [*project["dependencies"], *extras["connectors"], *extras["postgres"]]]
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
    versions = {canonicalize_name(name): version for name, version in pins.items()}
    folder.mkdir()
    for name in {canonicalize_name(each.name) for each in wanted}:
        stem = f"{name.replace('-', '_')}-{versions[name]}"
        info = f"{stem}.dist-info"
        with ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
            said = f"Metadata-Version: 2.4\nName: {name}\nVersion: {versions[name]}\nLicense-Expression: MIT\n"
            wheel.writestr(f"{info}/METADATA", said)
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")


def machine(folder: Path, **more: str) -> Machine:
    folder.mkdir()
    kept = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "LANG") if name in os.environ}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    homes = {"HOME": str(folder), "DARKROOM_DATA": str(folder / "data"), "PIP_CONFIG_FILE": os.devnull}
    return Machine(folder, {**kept, "PATH": path, **homes, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **more})


def connected(tmp_path: Path) -> Machine:
    """With this checkout, the shapes model under a name of its own, as if it had been pulled, and an index."""
    index_of_empty_wheels(tmp_path / "index")
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "index"), "PIP_NO_BUILD_ISOLATION": "0"}
    here = machine(tmp_path / "connected", **pip, PYTHONPATH=str(ROOT), DARKROOM_MODELS_FILE="models.yaml")
    shutil.copytree(ROOT / "pipelines" / "demo" / "shapes-xl", here.folder / "data" / "models" / "big-shapes")
    entries = yaml.safe_load(default_file().read_text())["models"]
    (entry,) = [entry for entry in entries if entry["id"] == "shapes-xl"]
    entry |= {"id": "big-shapes", "embedded": False}
    (here.folder / "models.yaml").write_text(yaml.safe_dump({"models": [entry]}))
    darkroom = here.folder / ".venv" / "bin" / "darkroom"
    darkroom.parent.mkdir(parents=True)
    darkroom.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m server "$@"\n')
    darkroom.chmod(0o755)
    return here


def closed(tmp_path: Path) -> Machine:
    """With no network, and nothing but Python."""
    prefix = namespace("--net")
    guard = {} if prefix else {"GUARD": "hook", "PYTHONPATH": str(HERE)}  # what can be had without namespaces
    there = machine(tmp_path / "closed", **guard)
    return Machine(there.folder, there.variables, prefix)


def lay_the_real_packages_beside(there: Machine) -> None:
    """Where the empty ones were installed, which have no modules."""
    (site,) = (there.folder / ".venv" / "lib").glob("python*/site-packages")
    (site / "beside.pth").write_text(sysconfig.get_path("purelib") + "\n")


def test_a_bundle_made_as_the_page_says_installs_and_draws_with_no_network(tmp_path: Path) -> None:
    page = PAGE.read_text()
    here, there = connected(tmp_path), closed(tmp_path)
    for command in commands(page, "On the machine with internet"):
        here.do(command)
    for name in ("darkroom.tar", "bundle.pub"):
        shutil.copy(here.folder / name, there.folder)
    shutil.rmtree(here.folder)
    told = ""
    for command in commands(page, "On the closed machine, the first time"):
        told += there.do(command)
        if "pip install" in command:
            lay_the_real_packages_beside(there)
    assert "Verified Successfully" in told
    assert "big-shapes is installed." in told
    (upgrade,) = re.findall(r"^ +(\S+ -m pip install .*\\\n.*)$", told, re.MULTILINE)
    assert "already satisfied: darkroom" in there.do(upgrade), "what the import prints is how to upgrade"
    picture = Image.open(there.folder / "picture.png")
    sight = look(picture)
    assert (sight.colour, sight.background) == ("blue", "pink")
    assert "big-shapes" in str(picture.info)
    (code,) = (there.folder / ".venv").glob("lib/python*/site-packages/server/bundle")
    assert (code / "constraints.txt").is_file(), "it can export wheels itself"
