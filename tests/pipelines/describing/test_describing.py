"""Networks that describe are read from their folders and say what transformers' own classes say with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before transformers

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection, pipeline

from pipelines.canvas import raster_of
from pipelines.catalog import Catalog
from pipelines.describing.captions import load_captioner
from pipelines.describing.objects import load_object_detector
from pipelines.describing.scores import load_aesthetic_scorer, load_safety_scorer
from pipelines.engine.protocol import Finished
from pipelines.errors import WeightsRefused
from pipelines.planning import describe
from pipelines.registry import Registry
from pipelines.tasks import Description
from tests.pipelines.conftest import Write
from tests.pipelines.describing import tiny_models
from tests.pipelines.engine.company import Listening

CPU = torch.device("cpu")
AS = (CPU, torch.float32)
PLAIN = {"defaults": None, "native_sizes": [], "direct": None}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one model of each kind."""
    folder = tmp_path_factory.mktemp("models")
    tiny_models.captioner(folder / "captioner")
    tiny_models.object_detector(folder / "detector")
    tiny_models.classifier(folder / "safety-scorer")
    tiny_models.aesthetic(folder / "aesthetic-scorer")
    return folder


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8))


def test_a_caption_is_words_of_the_model_and_the_same_each_time(folders: Path, picture: Image.Image) -> None:
    captioner = load_captioner(folders / "captioner", *AS)
    caption = captioner.caption(picture)
    assert caption == captioner.caption(picture)
    assert set(caption.split()) <= set(tiny_models.WORDS)


def test_objects_are_those_of_the_stock_pipeline(folders: Path, picture: Image.Image) -> None:
    ours = load_object_detector(folders / "detector", *AS).objects(picture)
    theirs = pipeline("object-detection", model=str(folders / "detector"), device="cpu")(picture, threshold=0.5)
    assert len(ours) == len(theirs) == 3
    assert {each.name for each in ours} == {"cat"}
    assert sorted(each.score for each in ours) == pytest.approx(sorted(each["score"] for each in theirs), abs=1e-4)
    for each in ours:
        left, top, right, bottom = each.box
        assert 0 <= left <= right <= 80
        assert 0 <= top <= bottom <= 60


def test_the_safety_score_is_the_stock_pipelines_probability(folders: Path, picture: Image.Image) -> None:
    ours = load_safety_scorer(folders / "safety-scorer", *AS).score(picture)
    theirs = pipeline("image-classification", model=str(folders / "safety-scorer"), device="cpu")(picture)
    assert ours == pytest.approx(next(each["score"] for each in theirs if each["label"] == "nsfw"), abs=1e-4)


def test_a_classifier_without_such_a_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match="no class"):
        load_safety_scorer(tiny_models.classifier(tmp_path / "pets", ("cat", "dog")), *AS)


@torch.inference_mode()
def test_the_aesthetic_score_is_the_predictors_of_the_normal_embedding(folders: Path, picture: Image.Image) -> None:
    folder = folders / "aesthetic-scorer"
    clip = CLIPVisionModelWithProjection.from_pretrained(folder)
    pixels = CLIPImageProcessor.from_pretrained(folder)(images=picture, return_tensors="pt")["pixel_values"]
    seen = nn.functional.normalize(clip(pixels).image_embeds)
    weights = load_file(folder / "model.safetensors")
    for place in (0, 2, 4, 6, 7):
        seen = nn.functional.linear(seen, weights[f"layers.{place}.weight"], weights[f"layers.{place}.bias"])
    assert load_aesthetic_scorer(folder, *AS).score(picture) == pytest.approx(float(seen), abs=1e-4)


@pytest.mark.parametrize(
    ("load", "name", "part"),
    [
        (load_captioner, "captioner", "text_decoder."),
        (load_object_detector, "detector", "bbox_predictor."),
        (load_safety_scorer, "safety-scorer", "classifier."),
        (load_aesthetic_scorer, "aesthetic-scorer", "visual_projection."),
        (load_aesthetic_scorer, "aesthetic-scorer", "layers."),
    ],
)
def test_a_network_that_is_not_whole_is_refused(
    folders: Path, tmp_path: Path, load: Callable[..., Any], name: str, part: str
) -> None:
    for path in (folders / name).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    fewer = {key: value for key, value in weights.items() if not key.startswith(part)}
    assert len(fewer) < len(weights)
    save_file(fewer, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsRefused):
        load(tmp_path, *AS)


def test_a_folder_with_something_that_could_run_is_refused(folders: Path, tmp_path: Path) -> None:
    for path in (folders / "safety-scorer").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "modeling.py").write_text("print()")
    with pytest.raises(WeightsRefused, match="may hold code"):
        load_safety_scorer(tmp_path, *AS)


def described(catalog: Catalog, picture: Image.Image) -> Description:
    listening = Listening(catalog, Registry(catalog, CPU, torch.float32, None))
    listening.engine.submit("job", describe(catalog, image=raster_of(picture)))
    listening.turn_until_idle()
    last = listening.of("job")[-1]
    assert isinstance(last, Finished), last
    assert isinstance(last.facts, Description)
    return last.facts


def test_a_description_says_what_the_installed_models_say_and_null_for_the_others(
    catalogued: Write, tmp_path: Path, folders: Path, picture: Image.Image
) -> None:
    kinds = [path.name for path in sorted(folders.iterdir())]
    entries = [PLAIN | {"id": kind, "kind": kind, "files": [{"path": "model.safetensors"}, {"path": "config.json"}]}
               for kind in kinds]  # fmt: skip
    bare = described(catalogued({}, *entries), picture)
    assert (bare.caption, bare.objects, bare.nsfw_score, bare.aesthetic_score) == (None, None, None, None)
    (tmp_path / "models").symlink_to(folders)
    full = described(catalogued({}, *entries), picture)
    assert full.colours == bare.colours
    assert full.caption is not None
    assert full.objects is not None
    assert len(full.objects) == 3
    assert full.nsfw_score == pytest.approx(load_safety_scorer(folders / "safety-scorer", *AS).score(picture))
    assert full.aesthetic_score is not None
