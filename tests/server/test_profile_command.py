"""`darkroom profile` writes down what it measured, where the next `darkroom serve` looks for it."""

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from pipelines.profiling.profile import read_profile
from server.cli import app
from server.cli.composing import tuning_of
from server.settings import Settings


def profile(data: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        app, ["profile", "--device", "cpu", *arguments], env={"DARKROOM_DATA": str(data), "COLUMNS": "200"}
    )
    return result.exit_code, result.output


@pytest.mark.draws
def test_a_size_is_measured_shown_and_kept(tmp_path: Path) -> None:
    code, shown = profile(tmp_path, "shapes-xl", "--size", "64x64")
    assert code == 0, shown
    (curve,) = read_profile(tmp_path, torch.device("cpu")).curves
    assert (curve.model, curve.width, curve.height) == ("shapes-xl", 64, 64)
    assert "64x64" in shown
    assert str(curve.cap) in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["nobody"], "No model has this name"), (["--size", "large"], "WIDTHxHEIGHT")],
    ids=["an unknown model", "not a size"],
)
def test_a_mistake_is_told_plainly(tmp_path: Path, arguments: list[str], told: str) -> None:
    code, shown = profile(tmp_path, *arguments)
    assert code == 2
    assert told in shown
    assert "Traceback" not in shown


def test_the_worker_is_told_every_choice_of_the_settings(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, dtype="bfloat16", compile="off", memory="low", tf32=False, deterministic=True)
    tuning = tuning_of(settings)
    assert (tuning.dtype, tuning.compile, tuning.memory) == ("bfloat16", "off", "low")
    assert (tuning.tf32, tuning.deterministic, tuning.folder) == (False, True, str(tmp_path))


def test_attention_by_a_package_that_is_not_there_is_refused_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.settings.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install xformers"):
        Settings(data=tmp_path, attention="xformers")
