"""The container is built nowhere in these tests (that takes gigabytes); what it promises is read.

A small image in its place goes through a real engine, where there is one.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.bundle import image

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


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """It, with a store of its own: it touches no image of who runs this."""
    engine = shutil.which("podman")
    if engine is None:
        pytest.skip("podman is not installed")
    places = f'graphroot = "{tmp_path / "images"}"\nrunroot = "{tmp_path / "running"}"'
    (tmp_path / "storage.conf").write_text(f'[storage]\ndriver = "vfs"\n{places}\n')
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(tmp_path / "storage.conf"))
    monkeypatch.setattr(image, "ENGINES", {"podman": image.ENGINES["podman"]})

    def run(*arguments: str | Path) -> str:
        return subprocess.run([engine, *arguments], capture_output=True, text=True, check=True, timeout=60).stdout

    try:
        run("images")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"podman does not work here: {error.stderr}")
    return run


def test_an_image_goes_from_a_real_engine_into_one_by_the_name_that_compose_gives_it(
    podman: Callable[..., str], service: dict[str, Any], tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "root.tar", "w") as root:
        root.add(ROOT / "LICENSE", "LICENSE")
    podman("import", tmp_path / "root.tar", service["image"])
    saved, file = image.save(tmp_path)
    image.check_fit(saved)
    podman("rmi", "--all", "--force")
    podman("load", "--input", file)
    names = json.loads(podman("image", "inspect", "--format", "{{json .RepoTags}}", service["image"]))
    assert f"docker.io/library/{service['image']}:latest" in names  # what docker means by the bare name
