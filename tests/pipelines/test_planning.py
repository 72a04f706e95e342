"""A request becomes a complete task, or a sentence that says what would do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.catalog import Catalog
from pipelines.errors import DarkroomError, ModelNotInstalled, ModelUnknown, TaskRefused
from pipelines.planning import style_transfer, text_to_image
from pipelines.tasks import SEED_LIMIT, Control, ImagePrompt, Raster, TextToImage
from tests.pipelines.conftest import Write


@pytest.fixture
def catalog(catalogued: Write, tmp_path: Path) -> Catalog:
    """`tiny`, `edges` and `looks` are installed, `absent`, `borrower` and `no-edges` are not, `other` does not draw."""
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    (tmp_path / "models" / "tiny" / "model_index.json").write_text("{}")
    files = {"files": [{"path": "model_index.json"}]}
    borrower = {"id": "borrower", "tokenizers_from": "absent"}
    edges = {"id": "edges", "kind": "controlnet", "files": [{"path": "Lines.safetensors"}]}
    for name in ("edges", "looks"):
        (tmp_path / "models" / name).mkdir()
        (tmp_path / "models" / name / "Lines.safetensors").touch()
    looks = edges | {"id": "looks", "kind": "ip-adapter"}
    drawing = ({"id": "tiny"} | files, {"id": "absent"} | files, borrower | files)
    return catalogued(*drawing, {"id": "other", "kind": "upscaler"} | files, edges, edges | {"id": "no-edges"}, looks)


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


PICTURE = Raster(2, 2, bytes(12))
EDGES = Control("edges", PICTURE, "canny")


@pytest.mark.parametrize("name", ["edges", "Lines", "lines"])
def test_a_control_is_named_by_its_id_or_its_file(catalog: Catalog, name: str) -> None:
    asked = Control(name, PICTURE, "scribble", 0.5, 0.1, 0.9, "control")
    task = text_to_image(catalog, prompt="a star", controls=(asked, EDGES))
    assert task.controls == (Control("edges", PICTURE, "scribble", 0.5, 0.1, 0.9, "control"), EDGES)


@pytest.mark.parametrize(
    ("said", "error", "remedy"),
    [
        ({"model": "nobody"}, ModelUnknown, "darkroom models"),
        ({"model": "other"}, TaskRefused, "kind controlnet"),
        ({"model": "no-edges"}, ModelNotInstalled, "darkroom pull no-edges"),
        ({"annotator": "magic"}, TaskRefused, "annotator must be one of: none, canny"),
        ({"annotator": "depth"}, TaskRefused, "a depth map with the annotator none"),
        ({"mode": "both"}, TaskRefused, "mode must be one of: balanced, prompt, control"),
        ({"weight": -0.1}, TaskRefused, "weight must be from 0 to 2"),
        ({"weight": 2.1}, TaskRefused, "weight must be from 0 to 2"),
        ({"weight": float("nan")}, TaskRefused, "weight must be from 0 to 2"),
        ({"start": -0.1}, TaskRefused, "start must be from 0 to 1"),
        ({"end": 1.1}, TaskRefused, "end must be from 0 to 1"),
        ({"start": 0.6, "end": 0.4}, TaskRefused, "end must be from 0.6 to 1"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_control_that_cannot_be_followed_is_refused(
    catalog: Catalog, said: dict[str, Any], error: type[DarkroomError], remedy: str
) -> None:
    with pytest.raises(error) as raised:
        text_to_image(catalog, prompt="a star", controls=(EDGES, replace(EDGES, **said)))
    assert raised.value.field == "controls"
    assert remedy in raised.value.sentence


def test_a_picture_follows_only_so_many_controls(catalog: Catalog) -> None:
    assert len(text_to_image(catalog, prompt="a star", controls=(EDGES,) * 4).controls) == 4
    with pytest.raises(TaskRefused, match="at most 4"):
        text_to_image(catalog, prompt="a star", controls=(EDGES,) * 5)


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


LIKE = ImagePrompt("looks", (PICTURE, PICTURE), 0.5, 0.1, 0.9)


def test_an_image_prompt_is_named_by_its_id_or_its_file(catalog: Catalog) -> None:
    for name in ("looks", "Lines", "lines"):
        task = text_to_image(catalog, prompt="a star", image_prompts=(replace(LIKE, model=name), LIKE))
        assert task.image_prompts == (LIKE, LIKE)


@pytest.mark.parametrize(
    ("said", "error", "remedy"),
    [
        ({"model": "nobody"}, ModelUnknown, "darkroom models"),
        ({"model": "edges"}, TaskRefused, "kind ip-adapter"),
        ({"images": ()}, TaskRefused, "from 1 to 5 images"),
        ({"images": (PICTURE,) * 6}, TaskRefused, "from 1 to 5 images"),
        ({"scale": -0.1}, TaskRefused, "scale must be from 0 to 2"),
        ({"scale": float("nan")}, TaskRefused, "scale must be from 0 to 2"),
        ({"start": 0.6, "end": 0.4}, TaskRefused, "end must be from 0.6 to 1"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_an_image_prompt_out_of_range_is_refused(
    catalog: Catalog, said: dict[str, Any], error: type[DarkroomError], remedy: str
) -> None:
    with pytest.raises(error, match=remedy) as raised:
        text_to_image(catalog, prompt="a star", image_prompts=(replace(LIKE, **said),))
    assert raised.value.field == "image_prompts"


@pytest.mark.parametrize(
    ("said", "strength"),
    [
        ({"composition_fidelity": 0.0, "change_strength": 1.0}, 1.0),
        ({"composition_fidelity": 1.0, "change_strength": 1.0}, 0.5),
        ({"composition_fidelity": 0.5, "change_strength": 0.4}, 0.3),
    ],
    ids=["all anew", "its composition stays", "little change"],
)
def test_style_transfer_draws_over_the_one_picture_like_the_other(
    catalog: Catalog, said: dict[str, float], strength: float
) -> None:
    other = replace(PICTURE, pixels=b"\xff" * 12)
    task = style_transfer(catalog, image=PICTURE, style_image=other, style_strength=0.7, **said)
    assert (task.image, task.image_prompts) == (PICTURE, (ImagePrompt("looks", (other,), 0.7),))
    assert task.strength == pytest.approx(strength)


def test_style_transfer_needs_an_adapter_for_the_model_that_draws(catalogued: Write, tmp_path: Path) -> None:
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    (tmp_path / "models" / "tiny" / "model_index.json").write_text("{}")
    demo = {"id": "shapes-ip", "kind": "ip-adapter", "embedded": True, "files": [{"path": "x"}]}
    catalog = catalogued({"files": [{"path": "model_index.json"}]}, demo, demo | {"id": "real", "embedded": False})
    with pytest.raises(ModelNotInstalled, match="darkroom pull real") as raised:
        style_transfer(catalog, image=PICTURE, style_image=PICTURE)
    assert raised.value.field == "adapter"
