"""Image prompts draw in our shared ticks what they draw in plain diffusers, one picture at a time."""

from pathlib import Path
from random import Random
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  (before diffusers)

import numpy as np
import pytest
import torch
import yaml
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from PIL import Image

from pipelines.canvas import raster_of
from pipelines.catalog import Catalog, default_file
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, Thing
from pipelines.registry import Registry
from pipelines.tasks import ImagePrompt
from tests.pipelines.ip_adapters import entry, save_ip_adapter
from tests.shapes import FOLDER, Artist
from tests.test_stock import farthest, run

pytestmark = pytest.mark.draws

STEPS = 4
SQUARE = draw_scene(Scene("cyan", (Thing("red", "square", "big", "middle"),)), 128, 128, Random(1))
HEART = draw_scene(Scene("white", (Thing("black", "heart", "medium", "left"),)), 160, 96, Random(2))
ADAPTERS = {"plain": False, "plus": True}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with an IP-Adapter of each kind for the shapes model."""
    models, unet = tmp_path_factory.mktemp("models"), UNet2DConditionModel.from_pretrained(FOLDER / "unet")
    for seed, (name, plus) in enumerate(ADAPTERS.items()):
        (models / name).mkdir()
        save_ip_adapter(models / name, unet, seed, plus=plus)
    return models


@pytest.fixture(scope="module")
def shown(models: Path) -> Artist:
    """Draws with the committed shapes model and these adapters."""
    listed = yaml.safe_load(default_file().read_text())
    listed["models"] += [entry(name) for name in ADAPTERS]
    (models / "models.yaml").write_text(yaml.safe_dump(listed))
    artist = Artist()
    artist.catalog = Catalog.load(models / "models.yaml", models)
    artist.registry = Registry(artist.catalog, torch.device("cpu"), torch.float32, None)
    return artist


def drawn_by_stock(models: Path, task: Any, adapters: list[str], scales: list[float], images: Any) -> np.ndarray:
    stock = StableDiffusionXLPipeline.from_pretrained(
        FOLDER, dtype=torch.float32, local_files_only=True, add_watermarker=False
    )
    stock.load_ip_adapter(
        [str(models / name) for name in adapters],
        subfolder=["" for _ in adapters],
        weight_name=["adapter.safetensors" for _ in adapters],
        image_encoder_folder="image_encoder",
        local_files_only=True,
    )
    stock.set_ip_adapter_scale(scales)
    return run(stock, task, ip_adapter_image=images, width=128, height=128)


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize(("images", "scale"), [([SQUARE], 1.0), ([SQUARE, HEART], 0.5)], ids=["one", "two by half"])
def test_the_stock_pipeline_draws_like_pictures_in_the_same_way(
    shown: Artist, models: Path, name: str, images: list[Image.Image], scale: float
) -> None:
    prompt = ImagePrompt(name, tuple(map(raster_of, images)), scale)
    wish: dict[str, Any] = {"seed": 3, "steps": STEPS, "negative_prompt": "green"}
    task = shown.task("a yellow shape", image_prompts=(prompt,), **wish)
    ours, free = shown.draw([task, shown.task("a yellow shape", **wish)])
    assert farthest(ours, drawn_by_stock(models, task, [name], [scale], [images])) <= 1
    assert farthest(ours, np.asarray(free) / 255) > 3  # it does look


def test_the_stock_pipeline_adds_two_image_prompts_in_the_same_way(shown: Artist, models: Path) -> None:
    """Stock has one image encoder for all adapters, so these two are one adapter twice."""
    prompts = (ImagePrompt("plain", (raster_of(SQUARE),), 0.7), ImagePrompt("plain", (raster_of(HEART),), 0.3))
    task = shown.task("a yellow shape", seed=3, steps=STEPS, image_prompts=prompts)
    (ours,) = shown.draw([task])
    assert farthest(ours, drawn_by_stock(models, task, ["plain"] * 2, [0.7, 0.3], [[SQUARE], [HEART]])) <= 1


def test_an_image_prompt_without_scale_is_none(shown: Artist) -> None:
    wish: dict[str, Any] = {"seed": 3, "steps": 2}
    prompt = ImagePrompt("plain", (raster_of(SQUARE),), 0.0)
    without, weightless = shown.draw([shown.task("a star", image_prompts=each, **wish) for each in ((), (prompt,))])
    assert without.tobytes() == weightless.tobytes()
