"""The commands: what they print, what they refuse, and that a stopped server has not failed."""

import io
import json
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from rich.console import Console
from sqlalchemy import text
from typer.testing import CliRunner

from pipelines.engine.inline import InlineWorker
from pipelines.engine.process import ProcessWorker
from pipelines.tasks import Picture, TextToImage
from server.cli import app, composing
from server.cli.composing import worker_for
from server.cli.draw import difference, draw_one
from server.cli.serve import welcome
from server.settings import Settings
from server.store.database import Database
from server.store.migrate import migrate
from tests.judge import look
from tests.server.serving import MODELS, Serve, free_port, small_catalog, until
from tests.server.worker import StepWorker, flat_colour

DARKROOM = [sys.executable, "-m", "server"]
run = CliRunner().invoke


@pytest.fixture
def models_file(tmp_path: Path) -> Path:
    file = tmp_path / "models.yaml"
    file.write_text(MODELS)
    return file


def opened(file: Path) -> Image.Image:
    return Image.open(io.BytesIO(file.read_bytes()))


def printed(capsys: pytest.CaptureFixture[str], settings: Settings, made: str | None) -> str:
    welcome(Console(width=60), settings, made)
    return capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--host", "0.0.0.0"], ["--host", "192.168.0.9"]], ids=["all", "one"])  # noqa: S104
def test_no_auth_is_refused_off_loopback(arguments: list[str], tmp_path: Path) -> None:
    result = run(app, ["serve", "--no-auth", *arguments], env={"DARKROOM_DATA": str(tmp_path)})
    assert result.exit_code == 2
    assert "loopback" in result.stderr
    assert "Traceback" not in result.output


def test_a_short_admin_key_is_refused_without_showing_it(tmp_path: Path) -> None:
    result = run(app, ["serve"], env={"DARKROOM_DATA": str(tmp_path), "DARKROOM_ADMIN_KEY": "hunter2"})
    assert result.exit_code == 2
    assert "admin_key" in result.stderr
    assert "hunter2" not in result.output


def test_a_port_that_is_taken_is_told_before_a_key_is_made_or_anybody_is_invited(tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = str(listening.getsockname()[1])
        result = run(app, ["serve", "--port", port], env={"DARKROOM_DATA": str(tmp_path)})
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"darkroom: Port {port} is taken" in result.stderr
    assert run(app, ["keys", "list"], env={"DARKROOM_DATA": str(tmp_path)}).stdout.count("admin") == 0


def test_a_database_that_does_not_answer_ends_serve_with_a_sentence(tmp_path: Path) -> None:
    url = f"postgresql://somebody:secret@127.0.0.1:{free_port()}/nothing"
    result = run(app, ["serve"], env={"DARKROOM_DATA": str(tmp_path), "DARKROOM_DATABASE_URL": url})
    assert result.exit_code == 1
    assert result.stderr.startswith("darkroom: The database does not answer")
    assert "secret" not in result.output


def test_a_database_of_a_later_version_ends_serve_with_a_sentence(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'darkroom.db'}")
    migrate(database)
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    result = run(app, ["serve"], env={"DARKROOM_DATA": str(tmp_path)})
    assert (result.exit_code, "later version" in result.stderr) == (1, True)


def test_models_lists_what_is_installed_and_what_is_not(models_file: Path, tmp_path: Path) -> None:
    (tmp_path / "models" / "flat").mkdir(parents=True)
    (tmp_path / "models" / "flat" / "flat.safetensors").write_bytes(b"1234")
    result = run(app, ["models", "--models", str(models_file)], env={"DARKROOM_DATA": str(tmp_path), "COLUMNS": "200"})
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert re.search(r"sdxl .* yes .* 4 bytes .* Apache-2.0", lines["flat"])
    assert re.search(r"upscaler .* no ", lines["enlarger"])


def test_models_are_a_line_each_where_the_terminal_is_narrow(tmp_path: Path) -> None:
    result = run(app, ["models"], env={"DARKROOM_DATA": str(tmp_path), "COLUMNS": "80"})
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["stable-diffusion-xl-1.0-inpainting-0.1", "sdxl-inpaint", "no", "?"] in lines
    assert all(len(words) in (0, 4, 5) for words in lines[:-1]), "a size is two words"


def test_a_catalogue_that_is_wrong_is_told_plainly(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("models: [{id: 7}]")
    result = run(app, ["models", "--models", str(tmp_path / "models.yaml")], env={"DARKROOM_DATA": str(tmp_path)})
    assert result.exit_code == 2
    assert result.stderr.startswith("darkroom: ")


def test_pulling_a_model_that_nobody_knows_is_told_plainly(models_file: Path, tmp_path: Path) -> None:
    result = run(app, ["pull", "nothing", "--models", str(models_file)], env={"DARKROOM_DATA": str(tmp_path)})
    assert result.exit_code == 2
    assert "darkroom models" in result.stderr


def test_draw_refuses_a_file_that_is_no_picture_before_it_loads_anything(tmp_path: Path) -> None:
    result = run(app, ["draw", "a red star", "-o", str(tmp_path / "star.exe")], env={"DARKROOM_DATA": str(tmp_path)})
    assert result.exit_code == 2
    assert ".png" in result.stderr


@pytest.mark.parametrize("suffix", [".png", ".txt"])
def test_replay_refuses_what_darkroom_did_not_draw(tmp_path: Path, suffix: str) -> None:
    file = (tmp_path / "picture").with_suffix(suffix)
    file.write_bytes(b"words")
    if suffix == ".png":
        Image.new("RGB", (8, 8)).save(file)
    result = run(app, ["replay", str(file)], env={"DARKROOM_DATA": str(tmp_path)})
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (Picture(2, 1, b"\1\2\3\4\5\6", 1, (2, 1), "m"), "bit for bit"),
        (Picture(2, 1, b"\1\2\3\4\5\x0c", 1, (2, 1), "m"), "1.00 of 255 levels on average, 6 at most"),
        (Picture(1, 1, b"\1\2\3", 1, (1, 1), "m"), "2x1, now 1x1"),
    ],
)
def test_replay_tells_how_far_the_pictures_differ(now: Picture, told: str) -> None:
    assert told in difference(Image.frombytes("RGB", (2, 1), b"\1\2\3\4\5\6"), now)


@pytest.mark.parametrize(
    ("settings", "has_cuda", "process"),
    [
        pytest.param(Settings(), True, True, id="a driver"),
        pytest.param(Settings(), False, False, id="no driver"),
        pytest.param(Settings(device="cuda:1"), False, True, id="cuda by name"),
        pytest.param(Settings(device="cpu"), True, False, id="cpu by name"),
        pytest.param(Settings(device="cuda", worker="inline"), True, False, id="inline"),
        pytest.param(Settings(device="cpu", worker="process"), False, True, id="process"),
    ],
)
def test_what_draws_is_a_process_of_its_own_on_cuda_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, has_cuda: bool, process: bool
) -> None:
    monkeypatch.setattr(composing, "has_cuda", lambda: has_cuda)
    worker = worker_for(settings, small_catalog(tmp_path))
    assert isinstance(worker, ProcessWorker if process else InlineWorker)


def test_draw_follows_the_worker_to_its_picture() -> None:
    task = TextToImage("flat", "a red star", "", 64, 64, 3, 4.0, "euler", seed=5)
    picture = draw_one(StepWorker(), task)
    assert picture.pixels[:3] == flat_colour(5)


def test_the_panel_shows_a_new_key_once_and_a_line_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, Settings(port=8123), "dk_0123_secret")
    assert "http://127.0.0.1:8123" in text
    (line,) = [line for line in text.splitlines() if line.startswith("curl")]
    words = shlex.split(line)
    assert "Authorization: Bearer dk_0123_secret" in words
    assert json.loads(words[words.index("-d") + 1])["task"] == "text_to_image"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param(Settings(), "first start", id="a later start"),
        pytest.param(Settings(admin_key="the operator's own key"), "DARKROOM_ADMIN_KEY", id="the operator's key"),
        pytest.param(Settings(auth=False), "none needed", id="no key"),
    ],
)
def test_the_panel_never_shows_a_key_that_it_did_not_make(
    capsys: pytest.CaptureFixture[str], settings: Settings, words: str
) -> None:
    text = printed(capsys, settings, None)
    assert words in text
    assert "operator's own" not in text


def test_the_pasted_line_draws_a_picture(serve: Serve, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    served = serve()
    key = served.client.headers["authorization"].removeprefix("Bearer ")
    text = printed(capsys, Settings(port=httpx.URL(served.url).port or 0), key)
    (line,) = [line for line in text.splitlines() if line.startswith("curl")]
    subprocess.run([*shlex.split(line), "--silent", "--noproxy", "*"], cwd=tmp_path, check=True)
    assert opened(tmp_path / "star.png").format == "PNG"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def started(port: int, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """`darkroom serve` as a process of its own, answering."""
    command = [*DARKROOM, "serve", "--port", str(port), "--device", "cpu"]
    environment = {"DARKROOM_DATA": str(tmp_path), "PATH": "/usr/bin:/bin", "COLUMNS": "100"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            until(lambda: process.poll() is not None or _answers(f"http://127.0.0.1:{port}/livez"))
            yield process
        finally:
            process.kill()


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.draws
def test_the_first_start_s_line_gives_a_picture_and_a_signal_ends_it_well(
    started: "subprocess.Popen[str]", port: int, tmp_path: Path
) -> None:
    assert started.stdout is not None
    line = next(line for line in started.stdout if line.startswith("curl"))
    assert f":{port}/" in line
    subprocess.run([*shlex.split(line), "--silent", "--noproxy", "*"], cwd=tmp_path, check=True, timeout=120)
    assert look(opened(tmp_path / "star.png")).background == "black"
    started.send_signal(signal.SIGTERM)
    assert started.wait(timeout=60) == 0


@pytest.mark.draws
def test_draw_makes_a_picture_without_a_server(tmp_path: Path) -> None:
    command = [*DARKROOM, "draw", "a big red star on a white background", "-o", str(tmp_path / "star.png")]
    done = subprocess.run([*command, "--seed", "1", "--device", "cpu"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    picture = opened(tmp_path / "star.png").convert("RGB")
    corner = picture.getpixel((2, 2))
    assert isinstance(corner, tuple)
    assert min(corner) > 190, "the background is white"
    again = subprocess.run(
        [*DARKROOM, "replay", str(tmp_path / "star.png"), "--device", "cpu"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "bit for bit" in again.stdout, again.stderr
