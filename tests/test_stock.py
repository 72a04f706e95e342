"""Plain diffusers on the committed folder draws what we draw, so the folder is true SDXL and our engine is true."""

from dataclasses import fields
from random import Random
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  (before diffusers)

import numpy as np
import pytest
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image

from pipelines.canvas import raster_of
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, Thing
from pipelines.tasks import Drawing, ImageToImage, Inpaint, TextToImage
from tests.shapes import FOLDER, Artist

pytestmark = pytest.mark.draws


@pytest.fixture(scope="module")
def stock() -> StableDiffusionXLPipeline:
    pipeline = StableDiffusionXLPipeline.from_pretrained(
        FOLDER, dtype=torch.float32, local_files_only=True, add_watermarker=False
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.parametrize("size", [(128, 128), (160, 96)], ids=str)
@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m"])
def test_the_stock_pipeline_draws_the_same_picture(
    artist: Artist, stock: StableDiffusionXLPipeline, sampler: str, size: tuple[int, int]
) -> None:
    width, height = size
    task = artist.task("a big red star on a blue background", size, seed=3, negative_prompt="green", sampler=sampler)
    (ours,) = artist.draw([task])
    parts = dict(stock.components)
    if sampler == "dpmpp_2m":
        parts["scheduler"] = DPMSolverMultistepScheduler.from_config(stock.scheduler.config)
    theirs = run(StableDiffusionXLPipeline(**parts, add_watermarker=False), task, width=width, height=height)
    assert farthest(ours, theirs) <= 1


@pytest.mark.parametrize("strength", [0.3, 0.8])
def test_the_stock_pipeline_draws_the_same_over_a_picture(
    artist: Artist, stock: StableDiffusionXLPipeline, strength: float
) -> None:
    picture = drawn_square()
    plain = artist.task("a big green circle on a pink background", (128, 128), seed=3)
    task = ImageToImage(**said_by(plain), image=raster_of(picture), strength=strength)
    (ours,) = artist.draw([task])
    over = StableDiffusionXLImg2ImgPipeline(**stock.components, add_watermarker=False)
    theirs = run(over, task, image=picture, strength=strength)
    assert farthest(ours, theirs) <= 1


@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_the_stock_pipeline_draws_the_same_inside_a_mask(
    artist: Artist, stock: StableDiffusionXLPipeline, strength: float
) -> None:
    picture, mask = drawn_square(), Image.new("L", (128, 128))
    mask.paste(255, (32, 32, 96, 96))
    plain = artist.task("a medium green circle on a pink background", (128, 128), seed=3)
    task = Inpaint(**said_by(plain), image=raster_of(picture), mask=raster_of(mask), strength=strength)
    (ours,) = artist.draw([task])
    inside = StableDiffusionXLInpaintPipeline(**stock.components, add_watermarker=False)
    theirs = run(inside, task, image=picture, mask_image=mask, strength=strength, height=128, width=128)
    # Outside the mask we give the picture's own pixels back; the stock pipeline gives what its VAE makes of them.
    assert farthest(ours.crop((32, 32, 96, 96)), theirs[32:96, 32:96]) <= 1
    assert farthest(ours.crop((0, 0, 128, 32)), np.asarray(picture)[:32] / 255) == 0


def drawn_square() -> Image.Image:
    return draw_scene(Scene("cyan", (Thing("red", "square", "big", "middle"),)), 128, 128, Random(1))


def said_by(task: TextToImage) -> dict[str, Any]:
    return {field.name: getattr(task, field.name) for field in fields(Drawing)}


def run(pipeline: Any, task: Drawing, **more: Any) -> np.ndarray:
    pipeline.set_progress_bar_config(disable=True)
    pictures: np.ndarray = pipeline(
        prompt=task.prompt,
        negative_prompt=task.negative_prompt,
        num_inference_steps=task.steps,
        guidance_scale=task.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(task.seed),
        output_type="np",
        **more,
    ).images
    return pictures[0]


def farthest(ours: Image.Image, theirs: np.ndarray) -> float:
    """The largest difference of any channel, in levels of 255; theirs goes from 0 to 1."""
    return float(np.abs(np.asarray(ours, dtype=float) - (theirs * 255).round()).max())
