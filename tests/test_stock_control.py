"""ControlNets draw in our shared ticks what they draw in plain diffusers, one picture at a time."""

from random import Random
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  (before diffusers)

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from PIL import Image

from pipelines.annotators import canny, scribble
from pipelines.canvas import raster_of
from pipelines.catalog import Catalog, default_file
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, Thing
from pipelines.registry import Registry
from pipelines.tasks import Control
from tests.pipelines.controlnets import random_controlnet, save_controlnet
from tests.shapes import FOLDER, Artist
from tests.test_stock import farthest, run

pytestmark = pytest.mark.draws

STEPS = 6
SQUARE = draw_scene(Scene("cyan", (Thing("red", "square", "big", "middle"),)), 128, 128, Random(1))
HEART = draw_scene(Scene("white", (Thing("black", "heart", "medium", "left"),)), 128, 128, Random(2))


class Fading(ControlNetModel):  # type: ignore[misc]
    """A ControlNet whose residuals fade towards the first layer, which diffusers has no mode for."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        down, middle = super().forward(*args, **kwargs)
        return [layer * 0.825 ** (len(down) - place) for place, layer in enumerate(down)], middle


@pytest.fixture(scope="module")
def nets() -> dict[str, ControlNetModel]:
    unet = UNet2DConditionModel.from_pretrained(FOLDER / "unet")
    return {name: random_controlnet(unet, seed) for seed, name in enumerate(("one", "two"))}


@pytest.fixture(scope="module")
def controlled(nets: dict[str, ControlNetModel], tmp_path_factory: pytest.TempPathFactory) -> Artist:
    """Draws with the committed shapes model, and with `nets` as files in its models folder."""
    models = tmp_path_factory.mktemp("models")
    for name, net in nets.items():
        save_controlnet(net, models / "controlnet" / f"{name}.safetensors")
    artist = Artist()
    artist.catalog = Catalog.load(default_file(), models)
    artist.registry = Registry(artist.catalog, torch.device("cpu"), torch.float32, None)
    return artist


@pytest.fixture(scope="module")
def stock() -> StableDiffusionXLPipeline:
    return StableDiffusionXLPipeline.from_pretrained(
        FOLDER, dtype=torch.float32, local_files_only=True, add_watermarker=False
    )


def fading(net: ControlNetModel) -> ControlNetModel:
    copy = Fading.from_config(net.config)
    copy.load_state_dict(net.state_dict())
    return copy.eval()


def drawn_by_stock(stock: StableDiffusionXLPipeline, task: Any, net: Any, images: Any, **more: Any) -> np.ndarray:
    pipeline = StableDiffusionXLControlNetPipeline(**stock.components, controlnet=net, add_watermarker=False)
    return run(pipeline, task, image=images, width=128, height=128, **more)


@pytest.mark.parametrize(
    ("said", "theirs"),
    [
        ({}, {}),
        ({"weight": 0.5}, {"controlnet_conditioning_scale": 0.5}),
        ({"start": 0.2, "end": 0.7}, {"control_guidance_start": 0.2, "control_guidance_end": 0.7}),
        ({"mode": "control"}, {"guess_mode": True}),
        ({"mode": "prompt"}, {}),
    ],
    ids=["balanced", "by half", "in the middle of the steps", "control matters more", "prompt matters more"],
)
def test_the_stock_pipeline_follows_a_control_in_the_same_way(
    controlled: Artist,
    stock: StableDiffusionXLPipeline,
    nets: dict[str, ControlNetModel],
    said: dict[str, Any],
    theirs: dict[str, Any],
) -> None:
    control = Control("one", raster_of(SQUARE), "canny", **said)
    wish: dict[str, Any] = {"seed": 3, "steps": STEPS, "negative_prompt": "green"}
    task = controlled.task("a yellow shape", controls=(control,), **wish)
    ours, free = controlled.draw([task, controlled.task("a yellow shape", **wish)])
    net = fading(nets["one"]) if said.get("mode") == "prompt" else nets["one"]
    assert farthest(ours, drawn_by_stock(stock, task, net, canny(SQUARE), **theirs)) <= 1
    assert farthest(ours, np.asarray(free) / 255) > 5  # it does follow


def test_the_stock_pipeline_follows_two_controls_in_the_same_way(
    controlled: Artist, stock: StableDiffusionXLPipeline, nets: dict[str, ControlNetModel]
) -> None:
    first = Control("one", raster_of(SQUARE), "canny", weight=0.8, end=0.6)
    second = Control("two", raster_of(HEART), "scribble", weight=0.5, start=0.3)
    task = controlled.task("a yellow shape", seed=3, steps=STEPS, controls=(first, second))
    (ours,) = controlled.draw([task])
    theirs = drawn_by_stock(
        stock,
        task,
        list(nets.values()),
        [canny(SQUARE), scribble(HEART)],
        controlnet_conditioning_scale=[0.8, 0.5],
        control_guidance_start=[0.0, 0.3],
        control_guidance_end=[0.6, 1.0],
    )
    assert farthest(ours, theirs) <= 1


def test_a_control_without_weight_is_no_control(controlled: Artist) -> None:
    wish: dict[str, Any] = {"seed": 3, "steps": 2}
    control = Control("one", raster_of(SQUARE), "canny", weight=0.0)
    tasks = [controlled.task("a star", controls=controls, **wish) for controls in ((), (control,))]
    without, weightless = controlled.draw(tasks)
    assert without.tobytes() == weightless.tobytes()


def test_a_picture_of_another_size_is_followed_where_it_lies(controlled: Artist) -> None:
    wish: dict[str, Any] = {"seed": 3, "steps": 2}
    large = SQUARE.resize((256, 256), Image.Resampling.NEAREST)
    pictures = [
        controlled.task("a star", controls=(Control("one", raster_of(image), "none"),), **wish)
        for image in (large.resize((128, 128), Image.Resampling.LANCZOS), large)
    ]
    ours, theirs = controlled.draw(pictures)
    assert farthest(ours, np.asarray(theirs) / 255) <= 1
