"""A request becomes a complete task, or a sentence that says what would do."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.catalog import Catalog
from pipelines.errors import ModelNotInstalled, ModelUnknown, TaskRefused
from pipelines.planning import text_to_image
from pipelines.tasks import SEED_LIMIT, TextToImage
from tests.pipelines.conftest import Write


@pytest.fixture
def catalog(catalogued: Write, tmp_path: Path) -> Catalog:
    """`tiny` is installed, `absent` and `borrower` are not, `other` does not draw from text."""
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    (tmp_path / "models" / "tiny" / "model_index.json").write_text("{}")
    files = {"files": [{"path": "model_index.json"}]}
    borrower = {"id": "borrower", "tokenizers_from": "absent"}
    return catalogued(
        {"id": "tiny"} | files, {"id": "absent"} | files, borrower | files, {"id": "other", "kind": "upscaler"} | files
    )


def test_what_is_not_said_comes_from_the_model(catalog: Catalog) -> None:
    task = text_to_image(catalog, model=None, prompt="a star", seed=7)
    assert task == TextToImage("tiny", "a star", "", 128, 128, 20, 4.0, "euler", 7, 1)


def test_what_is_said_stays(catalog: Catalog) -> None:
    said: dict[str, Any] = {
        "model": "tiny",
        "prompt": "a star",
        "negative_prompt": "red",
        "width": 200,
        "height": 100,
        "steps": 7,
        "guidance_scale": 1.5,
        "sampler": "dpmpp_2m",
        "seed": 0,
        "count": 3,
    }
    assert text_to_image(catalog, **said) == TextToImage(**said)


def test_a_seed_is_drawn_when_none_is_given(catalog: Catalog) -> None:
    seeds = {text_to_image(catalog, model=None, prompt="a star").seed for _ in range(10)}
    assert len(seeds) > 1
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize(
    ("said", "field", "remedy"),
    [
        ({"width": 0}, "width", "8 to 8192"),
        ({"width": 8193}, "width", "8 to 8192"),
        ({"height": -5}, "height", "8 to 8192"),
        ({"width": 8192, "height": 8192}, "width", "at most 16777216"),
        ({"steps": 0}, "steps", "1 to 100"),
        ({"steps": 10**9}, "steps", "1 to 100"),
        ({"guidance_scale": 0.5}, "guidance_scale", "1 to 30"),
        ({"guidance_scale": float("nan")}, "guidance_scale", "1 to 30"),
        ({"guidance_scale": float("inf")}, "guidance_scale", "1 to 30"),
        ({"sampler": "magic"}, "sampler", "euler, euler_karras"),
        ({"count": 0}, "count", "1 to 10"),
        ({"count": 100}, "count", "1 to 10"),
        ({"seed": -1}, "seed", "0 to"),
        ({"seed": 2**80}, "seed", str(SEED_LIMIT - 1)),
        ({"seed": SEED_LIMIT - 1, "count": 2}, "seed", str(SEED_LIMIT - 2)),
        ({"prompt": "star " * 4000}, "prompt", "4000 characters"),
        ({"prompt": "a \ud83d star"}, "prompt", "surrogate"),
        ({"prompt": "a \0 star"}, "prompt", "NUL"),
        ({"negative_prompt": "\udc00"}, "negative_prompt", "surrogate"),
        ({"model": "other"}, "model", "what each can do"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_is_out_of_range_is_refused_with_the_range(
    catalog: Catalog, said: dict[str, Any], field: str, remedy: str
) -> None:
    with pytest.raises(TaskRefused) as raised:
        text_to_image(catalog, **{"model": None, "prompt": "a star"} | said)
    assert raised.value.field == field
    assert remedy in raised.value.sentence


@pytest.mark.parametrize("said", [{"seed": 2**63 - 1}, {"prompt": ""}, {"width": 8, "height": 8192}], ids=str)
def test_the_edges_are_allowed(catalog: Catalog, said: dict[str, Any]) -> None:
    text_to_image(catalog, **{"model": None, "prompt": "a star"} | said)


def test_a_model_that_is_not_installed_comes_with_the_command(catalog: Catalog) -> None:
    with pytest.raises(ModelNotInstalled, match="`darkroom pull absent`"):
        text_to_image(catalog, model="absent", prompt="a star")
    with pytest.raises(ModelNotInstalled, match="`darkroom pull borrower` and `darkroom pull absent`"):
        text_to_image(catalog, model="borrower", prompt="a star")


def test_an_unknown_model_is_not_echoed(catalog: Catalog) -> None:
    with pytest.raises(ModelUnknown) as raised:
        text_to_image(catalog, model="<script>", prompt="a star")
    assert "<script>" not in raised.value.sentence
