"""Plain diffusers, as its documentation begins: what ours is held against."""

from collections.abc import Callable
from pathlib import Path

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.utils.logging import disable_progress_bar

Draw = Callable[[list[str]], object]


def stock(
    folder: Path, device: torch.device, dtype: torch.dtype, size: tuple[int, int], steps: int, *, compiled: bool = False
) -> Draw:
    """Draws one picture a prompt, all in one batch, guided. size: width and height in pixels."""
    disable_progress_bar()  # of the loading
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, dtype=dtype, local_files_only=True)
    pipeline.to(device)
    pipeline.set_progress_bar_config(disable=True)
    if compiled:
        pipeline.unet.to(memory_format=torch.channels_last)
        pipeline.unet = torch.compile(pipeline.unet, fullgraph=True)
    width, height = size
    return lambda prompts: pipeline(
        prompts, width=width, height=height, num_inference_steps=steps, guidance_scale=4.0, output_type="pil"
    )
