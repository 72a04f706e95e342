"""Every example in README.md and docs/ does what it says: commands run, requests are answered, files are taken.

A block is indented (then it is for a shell) or fenced with its language. What needs the internet, a GPU or root says so
in a remark beside it and is left out; nothing else is.
"""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from pipelines.catalog import Catalog, default_file
from server.bodies.kinds import KINDS
from server.limits.tiers import Tiers
from server.prompts.library import Library
from server.settings import Settings
from server.webhooks import signing
from tests.docs.conftest import Reader
from tests.docs.pages import EXAMPLES, Block, blocks, commands
from tests.server.serving import KEY

BLOCKS = [block for page in EXAMPLES for block in blocks(page)]
JOBS = "/darkroom/v1/jobs"
FEW_STEPS = 4
PICTURE = re.compile(r"-o (\S+\.png)")
COMMAND = re.compile(r"^\$? ?(\.venv/|scripts/|curl|darkroom|docker|git|pip|python|sudo|systemctl|export|apt)\b", re.M)


def of(*languages: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in languages], ids=str)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_is_of_a_language_that_is_tried_here(block: Block) -> None:
    assert block.language in {"sh", "python", "json", "http", "ini", "yaml", "text"}
    assert block.language != "text" or not COMMAND.search(block.text), "a command is no mere text"


@pytest.mark.parametrize(
    ("script", "run"),
    [
        pytest.param("a\nb c\n", ["a\n", "b c\n"], id="all of them"),
        pytest.param("a \\\n  --b\nc\n", ["a \\\n  --b\n", "c\n"], id="on two lines"),
        pytest.param("a  # needs the internet\nb\n", ["b\n"], id="one needs something"),
        pytest.param("a \\\n  --b  # needs a GPU\nb\n", ["b\n"], id="on two lines, needs something"),
        pytest.param("# needs root\na\nb\n", [], id="all need something"),
        pytest.param("a  # needs patience\n", ["a  # needs patience\n"], id="no such need"),
    ],
)
def test_only_commands_that_say_what_they_need_are_left_out(script: str, run: list[str]) -> None:
    assert commands(script) == run


@pytest.mark.draws
@of("sh")
def test_the_commands_run(block: Block, reader: Reader) -> None:
    if not (those := commands(block.text)):
        pytest.skip("needs what its remark says")
    script = "".join(those)
    run = reader.run(script)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    for name in PICTURE.findall(script):
        Image.open(reader.folder / name).load()


@pytest.mark.draws
@of("python")
def test_the_python_runs(block: Block, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reader.folder)
    body, secret = '{"type": "job.succeeded", "data": {}}', signing.new_secret()
    now = int(time.time())
    known = {"KEY": KEY, "secret": secret, "body": body, "headers": signing.headers(secret, "m", now, body.encode())}
    exec(compile(reader.here(block.text), str(block), "exec"), known)  # noqa: S102


@pytest.mark.draws
@of("json")
def test_the_job_is_drawn_or_names_the_model_that_is_missing(block: Block, reader: Reader) -> None:
    body = json.loads(reader.here(block.text))
    if "prompt" in body and "steps" in KINDS[body["task"]].body.model_fields:
        body["steps"] = FEW_STEPS
    answer = reader.client.post(JOBS, json=body, headers={"Prefer": "wait=240"})
    told = answer.json()
    if answer.status_code == 503:
        assert told["error"]["code"] == "model_not_installed"
    else:
        assert (answer.status_code, told["state"]) == (200, "succeeded"), told


@of("http")
def test_the_request_is_answered(block: Block, reader: Reader) -> None:
    first, _, body = block.text.partition("\n")
    method, path = first.split()
    answer = reader.client.request(method, path, content=reader.here(body) or None)
    assert answer.is_success, answer.text


@of("ini")
def test_the_settings_are_taken(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    given = dict(line.split("=", 1) for line in block.text.splitlines() if line and not line.startswith("#"))
    for name, value in given.items():
        monkeypatch.setenv(name, value.strip("'"))
    said = {name.removeprefix("DARKROOM_").lower() for name in given}
    assert said <= Settings().model_fields_set


@of("yaml")
def test_the_file_is_taken(block: Block, tmp_path: Path) -> None:
    content = yaml.safe_load(block.text)
    [take] = [take for key, take in YAML.items() if key in content]
    take(content, tmp_path)


def take_limits(content: dict[str, Any], folder: Path) -> None:
    assert Tiers.load(written(content, folder / "limits.yaml")) is not None


def take_entry(content: dict[str, Any], folder: Path) -> None:
    """Lines of an entry of models.yaml."""
    listing = yaml.safe_load(default_file().read_text(encoding="utf-8"))
    shapes, vae = listing["models"][0], {"id": "my-vae", "kind": "vae", "files": [{"path": "my-vae.safetensors"}]}
    models = [shapes | content, shapes | vae | {"embedded": False}]
    catalog = Catalog.load(written({"models": models}, folder / "models.yaml"), folder)
    assert set(content) <= catalog.get("shapes-xl").model_fields_set


def take_preset(content: dict[str, Any], folder: Path) -> None:
    written(content, folder / "presets.yaml")
    assert set(content) <= set(Library(folder).now.presets)


YAML: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "tiers": take_limits, "price": take_entry, "vae": take_entry, "portrait": take_preset,
}  # fmt: skip


def written(content: object, file: Path) -> Path:
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file
