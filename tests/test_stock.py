"""Plain diffusers on the committed folder draws what we draw, so the folder is true SDXL and our engine is true."""

import pipelines.torchvision_ops  # noqa: F401  (before diffusers)

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionXLPipeline

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
    if sampler == "dpmpp_2m":
        stock.scheduler = DPMSolverMultistepScheduler.from_config(stock.scheduler.config)
    theirs = stock(
        prompt=task.prompt,
        negative_prompt=task.negative_prompt,
        width=width,
        height=height,
        num_inference_steps=task.steps,
        guidance_scale=task.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(task.seed),
        output_type="np",
    ).images[0]
    difference = np.abs(np.asarray(ours, dtype=float) - (theirs * 255).round())
    assert difference.max() <= 1
