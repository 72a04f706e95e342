"""Edits by instruction are, in our shared ticks, what plain diffusers draws with the same weights one at a time."""

from pathlib import Path
from random import Random
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  (before diffusers)

import numpy as np
import pytest
import torch
import yaml
from diffusers import EulerDiscreteScheduler, StableDiffusionXLInstructPix2PixPipeline

from pipelines.canvas import picture_of, raster_of
from pipelines.catalog import Catalog
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, Thing
from pipelines.drain import draw
from pipelines.errors import DarkroomError, ModelNotInstalled, ModelUnknown, TaskRefused
from pipelines.planning import edit, image_to_image
from pipelines.registry import Registry
from pipelines.tasks import Edit, Raster
from tests.pipelines.conftest import ENTRY, save_tiny_sdxl
from tests.test_stock import farthest

SQUARE = raster_of(draw_scene(Scene("cyan", (Thing("red", "square", "big", "middle"),)), 128, 128, Random(1)))
HEART = raster_of(draw_scene(Scene("white", (Thing("black", "heart", "medium", "left"),)), 128, 128, Random(2)))
WISH: dict[str, Any] = {"image": SQUARE, "prompt": "a green square", "negative_prompt": "red", "steps": 5, "seed": 3}


class Studio:
    """The tiny model that draws and, where `editor` says so, one whose UNet takes 8 channels; as files."""

    def __init__(self, folder: Path, *, editor: bool) -> None:
        save_tiny_sdxl(folder / "models" / "tiny")
        if editor:
            save_tiny_sdxl(folder / "models" / "editor", seed=1, channels=8)
        editing = {"id": "editor", "kind": "sdxl-edit"}
        (folder / "models.yaml").write_text(yaml.safe_dump({"models": [ENTRY, ENTRY | editing]}))
        self.catalog = Catalog.load(folder / "models.yaml", folder / "models")
        self.registry = Registry(self.catalog, torch.device("cpu"), torch.float32, None)

    def draw(self, *tasks: Any) -> list[Any]:
        """The first picture of each task, all in company."""
        pictures = [pictures[0] for pictures in draw(self.catalog, self.registry, tasks)]
        return [picture_of(Raster(one.width, one.height, one.pixels)) for one in pictures]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(tmp_path_factory.mktemp("studio"), editor=True)


@pytest.fixture(scope="module")
def without_editor(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(tmp_path_factory.mktemp("without"), editor=False)


def drawn_by_stock(studio: Studio, task: Edit) -> np.ndarray:
    model = studio.registry.sdxl("editor")
    parts = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet")
    pipeline = StableDiffusionXLInstructPix2PixPipeline(
        **{part: getattr(model, part) for part in parts},
        scheduler=EulerDiscreteScheduler.from_config(dict(model.scheduler)),
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    pictures: np.ndarray = pipeline(
        prompt=task.prompt,
        negative_prompt=task.negative_prompt,
        image=picture_of(task.image),
        width=task.width,
        height=task.height,
        num_inference_steps=task.steps,
        guidance_scale=task.guidance_scale,
        image_guidance_scale=task.image_guidance_scale,
        guidance_rescale=task.guidance_rescale,
        generator=torch.Generator("cpu").manual_seed(task.seed),
        output_type="np",
    ).images
    return pictures[0]


@pytest.mark.parametrize(
    "said",
    [
        {"guidance_scale": 4.0},
        {"guidance_scale": 7.5, "image_guidance_scale": 3.0, "guidance_rescale": 0.5},
        {"guidance_scale": 4.0, "image_guidance_scale": 1.0},
        {"guidance_scale": 1.0},
    ],
    ids=["usual", "of both more, rescaled", "none by the image", "none"],
)
def test_the_stock_pipeline_edits_in_the_same_way(studio: Studio, said: dict[str, Any]) -> None:
    task = edit(studio.catalog, **WISH | said)
    assert isinstance(task, Edit)
    (ours,) = studio.draw(task)
    assert farthest(ours, drawn_by_stock(studio, task)) <= 1


def test_an_edit_does_not_depend_on_its_neighbours(studio: Studio) -> None:
    tasks = [
        edit(studio.catalog, **WISH),
        edit(studio.catalog, **WISH | {"guidance_scale": 1.0, "steps": 3, "image": HEART}),
        edit(
            studio.catalog, **WISH | {"guidance_interval": (0.0, 0.5), "image_guidance_scale": 4.0, "sampler": "ddim"}
        ),
    ]
    together = studio.draw(*tasks)
    for task, joint in zip(tasks, together, strict=True):
        (alone,) = studio.draw(task)
        assert farthest(joint, np.asarray(alone) / 255) <= 1


def test_what_the_image_shows_counts_and_how_much_of_it(studio: Studio) -> None:
    changes = ({}, {"image": HEART}, {"image_guidance_scale": 5.0})
    usual, other, more = studio.draw(*(edit(studio.catalog, **WISH | change) for change in changes))
    assert farthest(usual, np.asarray(other) / 255) > 5
    assert farthest(usual, np.asarray(more) / 255) > 5


def test_without_such_a_model_the_picture_is_drawn_over_as_the_words_say(without_editor: Studio) -> None:
    catalog = without_editor.catalog
    asked = edit(catalog, **WISH, strength=0.5, image_guidance_scale=2.0)
    assert asked == image_to_image(catalog, **WISH, strength=0.5)


def test_a_model_that_only_draws_may_be_named(studio: Studio) -> None:
    assert edit(studio.catalog, **WISH, model="tiny") == image_to_image(studio.catalog, **WISH, model="tiny")


@pytest.mark.parametrize(
    ("said", "error", "field"),
    [
        ({"image_guidance_scale": 0.5}, TaskRefused, "image_guidance_scale"),
        ({"image_guidance_scale": 11.0}, TaskRefused, "image_guidance_scale"),
        ({"fit": "best"}, TaskRefused, "fit"),
        ({"steps": 5000}, TaskRefused, "steps"),
        ({"model": "nobody"}, ModelUnknown, "model"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_field_to_blame(
    studio: Studio, said: dict[str, Any], error: type[DarkroomError], field: str
) -> None:
    with pytest.raises(error) as raised:
        edit(studio.catalog, **WISH | said)
    assert raised.value.field == field


def test_a_model_that_is_named_and_not_there_is_not_replaced(without_editor: Studio) -> None:
    with pytest.raises(ModelNotInstalled):
        edit(without_editor.catalog, **WISH, model="editor")
