"""A .pth becomes .safetensors with the same weights, or nothing at all; what else it holds never runs."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from typer.testing import CliRunner

from pipelines.convert import convert
from pipelines.errors import WeightsRefused
from pipelines.weights import sha256
from server.cli import app
from tests.pipelines.tiny_upscalers import random_network


class Canary:
    """Unpickling it writes the file named in the environment."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ('touch "$CANARY"',)


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "canary"
    monkeypatch.setenv("CANARY", str(path))
    return path


def as_trained() -> dict[str, Any]:
    """As trainers save it: wrapped, under a prefix, with a count of steps, and with two names for the same memory."""
    weights = {f"module.{name}": value for name, value in random_network().items()}
    one, other = "module.model.0.bias", "module.model.1.sub.1.bias"
    weights[other] = weights[one]
    return {"iter": 400_000, "params_ema": weights}


def test_weights_come_out_as_they_went_in(tmp_path: Path) -> None:
    source, output = tmp_path / "net.pth", tmp_path / "net.safetensors"
    torch.save(as_trained(), source)
    convert(source, output)
    converted = load_file(output)
    expected = as_trained()["params_ema"]
    assert {f"module.{name}" for name in converted} == set(expected)
    assert all(torch.equal(value, expected[f"module.{name}"]) for name, value in converted.items())
    with safe_open(output, framework="pt") as file:
        assert file.metadata()["converted_from_sha256"] == sha256(source)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(lambda: {"params": random_network(), "more": Canary()}, "weights and nothing else", id="code"),
        pytest.param(lambda: {"some.weight": torch.zeros(2)}, "no architecture", id="another kind of model"),
        pytest.param(lambda: {"a": torch.zeros(1).expand(1 << 30)}, "was not read", id="four gigabytes in a few bytes"),
    ],
)
def test_what_is_not_weights_alone_is_refused_and_never_run(
    content: Callable[[], Any], reason: str, canary: Path, tmp_path: Path
) -> None:
    source, output = tmp_path / "net.pth", tmp_path / "out" / "net.safetensors"
    output.parent.mkdir()
    torch.save(content(), source)
    with pytest.raises(WeightsRefused, match=reason):
        convert(source, output)
    assert not canary.exists()
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "output", "field"),
    [
        pytest.param("absent.pth", "net.safetensors", "source", id="no such file"),
        pytest.param("net.pth", "net.pth", "output", id="not the name of a safetensors file"),
        pytest.param("net.pth", "absent/net.safetensors", "output", id="no such folder"),
    ],
)
def test_names_that_cannot_be_are_refused_at_once(source: str, output: str, field: str, tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(b"")
    with pytest.raises(WeightsRefused) as refusal:
        convert(tmp_path / source, tmp_path / output)
    assert refusal.value.field == field


def test_the_command_tells_a_refusal_in_a_sentence(tmp_path: Path) -> None:
    source = tmp_path / "net.pth"
    source.write_bytes(b"not weights")
    result = CliRunner().invoke(app, ["convert", str(source)])
    assert result.exit_code == 2
    assert "net.pth is not a PyTorch file" in result.stderr
    assert "Traceback" not in result.output
