"""The container is built nowhere in these tests (that takes an engine and gigabytes); what it promises is read."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
HADOLINT = Path(sys.executable).with_name("hadolint")


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """Every instruction of the Dockerfile with its arguments, on one line."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile.cuda").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line]
    return [(instruction, arguments) for instruction, arguments in lines]


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["darkroom"]


def only(steps: list[tuple[str, str]], wanted: str) -> str:
    [arguments] = [arguments for instruction, arguments in steps if instruction == wanted]
    return arguments


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint has no wheel for this machine")
def test_the_dockerfile_is_clean() -> None:
    run = subprocess.run([HADOLINT, ROOT / "Dockerfile.cuda"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_every_stage_starts_from_an_exact_release(steps: list[tuple[str, str]]) -> None:
    images = [arguments.split()[0] for instruction, arguments in steps if instruction == "FROM"]
    assert images
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-bookworm", image) for image in images)


def test_every_installation_keeps_to_the_tested_versions(steps: list[tuple[str, str]]) -> None:
    installations = [arguments for instruction, arguments in steps if "pip install" in arguments]
    assert installations
    assert all("--constraint constraints.txt" in arguments for arguments in installations)


def test_the_program_does_not_run_as_root(steps: list[tuple[str, str]]) -> None:
    assert int(only(steps, "USER").split(":")[0]) > 0
    names = [instruction for instruction, _ in steps]
    assert names.index("USER") > max(index for index, name in enumerate(names) if name == "RUN")


def test_what_is_written_lies_in_the_volumes_or_in_tmp(steps: list[tuple[str, str]], service: dict[str, Any]) -> None:
    variables = dict(word.split("=", 1) for word in shlex.split(only(steps, "ENV")))
    assert variables["DARKROOM_DATA"] == "/data"
    assert variables["DARKROOM_MODELS_FOLDER"] == "/models"
    assert variables["HOME"] == variables["TMPDIR"] == "/tmp"  # noqa: S108 - inside the container
    assert only(steps, "VOLUME") == '["/data", "/models"]'
    assert service["read_only"] is True
    assert [mount.split(":")[1] for mount in service["volumes"]] == ["/data", "/models"]
    assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp"]  # noqa: S108


def test_it_is_healthy_only_when_it_can_draw(steps: list[tuple[str, str]]) -> None:
    assert "/readyz" in only(steps, "HEALTHCHECK")
    assert "curl" not in only(steps, "HEALTHCHECK")


def test_signals_reach_the_server(steps: list[tuple[str, str]]) -> None:
    assert yaml.safe_load(only(steps, "ENTRYPOINT"))[:2] == ["darkroom", "serve"]


def test_the_service_gives_up_every_privilege_and_takes_one_gpu(service: dict[str, Any]) -> None:
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    [device] = service["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}


def test_the_key_is_asked_for_and_not_written_down(service: dict[str, Any]) -> None:
    assert service["environment"]["DARKROOM_ADMIN_KEY"].startswith("${DARKROOM_ADMIN_KEY:?")
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_only_what_the_build_copies_is_sent_to_it(steps: list[tuple[str, str]]) -> None:
    copied = {
        word.removeprefix("./")
        for instruction, arguments in steps
        if instruction == "COPY" and "--from" not in arguments
        for word in arguments.split()[:-1]
    }
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sorted(copied) == sorted(sent)
