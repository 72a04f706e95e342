"""`darkroom doctor` says what is here, what is missing and what to do, and changes nothing."""

import json
import os
import socket
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from pipelines.catalog import Catalog, LockedFile, LockedModel, add_to_lock, default_file
from server.cli import app
from server.doctor import database, device, models, places, software
from server.doctor.device import Gpu, Machine
from server.doctor.findings import Finding
from server.settings import Settings
from server.store.database import Database
from server.store.migrate import migrate
from tests.server.bundling import FILES, connected

GIB = 2**30
PLAIN = Machine(
    torch="2.13.0", torch_cuda="13.0", driver="580.1", driver_cuda="13.1", attention=("flash", "plain"),
    devices=(Gpu(name="H200", free=100 * GIB, total=139 * GIB),), xformers=None,
)  # fmt: skip
BLIND: dict[str, Any] = {"devices": ()}


def told(findings: list[Finding]) -> str:
    return "\n".join(f"{each.state}: {each.said} {each.remedy or ''}" for each in findings)


def test_a_machine_that_can_draw_is_told_so_and_stays_as_it_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    result = CliRunner().invoke(app, ["doctor", "--json"], env={"DARKROOM_DATA": str(data)})
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["can_draw"] is True
    text = json.dumps(said)
    assert all(word in text for word in ("diffusers", "shapes-xl", "GiB free", "will be made at the first start"))
    assert "stable-diffusion-xl-base-1.0" in text, "what would be missing offline"
    assert not data.exists()


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"DARKROOM_DEVICE": "cuda:7"}, "There is no cuda:7"),
        ({"DARKROOM_PORT": "nothing"}, "docs/configuration.md"),
        ({"DARKROOM_DISK_RESERVE": str(1 << 60)}, "less free than its reserve"),
        ({"DARKROOM_DATA": "/dev/null/data"}, "cannot be written"),
        ({"DARKROOM_MODELS_FILE": "/dev/null"}, "Mend the line"),
    ],
    ids=["no such GPU", "a setting", "a full disk", "a folder of another", "no catalogue"],
)
def test_what_stops_it_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    monkeypatch.setattr(device, "ask", lambda: PLAIN)
    result = CliRunner().invoke(app, ["doctor"], env={"DARKROOM_DATA": str(tmp_path), "COLUMNS": "300"} | variables)
    assert result.exit_code == 1
    assert "PROBLEM" in result.output
    assert told in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("wanted", "machine", "state", "remedy"),
    [
        ("auto", {}, "well", ""),
        ("cuda:0", {}, "well", ""),
        ("cpu", BLIND, "well", ""),
        ("auto", {**BLIND, "driver": None}, "hint", "draws on the CPU"),
        ("cuda", {**BLIND, "driver": None}, "problem", "container toolkit"),
        ("cuda", {**BLIND, "torch_cuda": None}, "problem", "Install a torch with CUDA"),
        ("auto", {**BLIND, "torch_cuda": None}, "hint", "Install a torch with CUDA"),
        ("cuda", {**BLIND, "driver_cuda": "12.4"}, "problem", "driver for CUDA 13.0 or newer"),
        ("cuda:1", {}, "problem", "CUDA_VISIBLE_DEVICES"),
        ("auto", {"devices": (Gpu(name="H200", free=GIB, total=8 * GIB),)}, "hint", "weights are streamed"),
    ],
)
def test_a_gpu_is_there_or_it_is_said_why_not(wanted: str, machine: dict[str, Any], state: str, remedy: str) -> None:
    found = list(device.of_gpu(wanted, PLAIN.model_copy(update=machine)))
    worst = max(found, key=lambda each: ["well", "hint", "problem"].index(each.state))
    assert worst.state == state
    assert remedy in told(found)


def test_attention_that_cannot_be_loaded_stops_who_asked_for_it() -> None:
    broken = PLAIN.model_copy(update={"xformers": "broken"})
    assert [each.state for each in device.of_attention("xformers", broken)] == ["well", "problem"]
    assert [each.state for each in device.of_attention("sdpa", broken)] == ["well", "hint"]


def test_a_torch_that_kills_who_asks_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(device.sys, "executable", "/bin/false")
    (found,) = device.look(Settings(data=tmp_path))
    assert (found.state, found.about) == ("problem", "torch")


def test_a_package_that_is_missing_or_too_old_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"torch": "2.13.0+cpu", "diffusers": "0.1"}
    monkeypatch.setattr(software, "requires", lambda name: ["torch==2.13.0", "diffusers>=0.38.0", "safetensors"])
    monkeypatch.setattr(software, "installed", versions.get)
    said = told(list(software.look()))
    assert "problem: diffusers is 0.1, and has to be >=0.38.0." in said
    assert "problem: safetensors is not installed." in said
    assert "torch is" not in said
    assert "hint: psycopg is not installed: no database on PostgreSQL." in said
    assert f"{sys.executable} -m pip install 'darkroom[postgres]'" in said


@pytest.mark.parametrize(("package", "extra"), [(name, extra) for name, (_, extra) in software.OPTIONAL.items()])
def test_what_the_doctor_offers_brings_that_package(package: str, extra: str) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert package in {Requirement(line).name for line in project["optional-dependencies"][extra]}


def test_models_that_are_not_whole_are_told(tmp_path: Path) -> None:
    here = connected(tmp_path)
    folder = here.data / "models"
    (folder / "one" / "config.json").unlink()
    known = {"config.json": LockedFile(sha256="0" * 64, size=len(FILES["config.json"]) + 1)}
    add_to_lock(folder, {"two": LockedModel(hub="someone/two", revision="c0ffee", files=known)})
    assert here.models_file is not None
    said = told(list(models.look(Catalog.load(here.models_file, folder))))
    assert "one lacks 1 of its files" in said
    assert "problem: two has files that were longer or shorter" in said
    assert "missing while there is no internet: one, absent" in said
    assert "problem: None is installed that draws." in said
    assert "lacks" not in told(list(models.look(Catalog.load(default_file(), tmp_path / "none"))))


def test_a_folder_that_others_may_read_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "secret.key").write_text("s")
    (tmp_path / "secret.key").chmod(0o644)
    said = told(list(places.of_data(tmp_path)))
    assert f"chmod 700 {tmp_path}" in said
    assert f"chmod 600 {tmp_path / 'secret.key'}" in said
    tmp_path.chmod(0o700)
    (tmp_path / "secret.key").chmod(0o600)
    assert "chmod" not in told(list(places.of_data(tmp_path)))


def test_little_memory_is_told(tmp_path: Path) -> None:
    table = tmp_path / "meminfo"
    table.write_text("MemTotal:  8000000 kB\nMemAvailable:  1000000 kB\n")
    assert [each.state for each in places.of_memory(table)] == ["hint"]
    assert list(places.of_memory(tmp_path / "elsewhere")) == []


def test_a_port_that_is_taken_is_told_and_one_that_is_free_stays_free() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        assert "is taken" in told(list(places.of_address("127.0.0.1", port)))
    assert "is free" in told(list(places.of_address("127.0.0.1", port)))
    assert "is free" in told(list(places.of_address("127.0.0.1", port)))
    assert [each.state for each in places.of_address("203.0.113.7", port)] == ["problem"]


@pytest.mark.parametrize(
    ("change", "state", "said"),
    [
        (None, "well", "this version's"),
        ("DROP TABLE alembic_version", "hint", "none yet"),
        ("UPDATE alembic_version SET version_num = '0001'", "hint", "schema 0001"),
        ("UPDATE alembic_version SET version_num = '9999'", "problem", "later version"),
    ],
    ids=["of this version", "empty", "older", "later"],
)
def test_the_database_s_schema_is_told(tmp_path: Path, change: str | None, state: str, said: str) -> None:
    settings = Settings(data=tmp_path)
    made = Database(settings.database)
    migrate(made)
    if change:
        with made.begin() as connection:
            connection.exec_driver_sql(change)
    made.close()
    (found,) = database.look(settings)
    assert found.state == state
    assert said in found.said


def test_a_file_that_is_no_database_and_a_server_that_is_silent_are_problems(tmp_path: Path) -> None:
    (tmp_path / "darkroom.db").write_bytes(os.urandom(5000))
    assert [each.state for each in database.look(Settings(data=tmp_path))] == ["problem"]
    silent = Settings(data=tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none")  # type: ignore[arg-type]
    assert [each.state for each in database.look(silent)] == ["problem"]
