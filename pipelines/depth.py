"""How far away things are: Depth Anything and its relatives (Yang et al., 2024, arXiv 2406.09414) from a local folder.

A depth map is gray, near is bright: what the annotator `depth` gives to ControlNets.
"""

from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before transformers

import numpy as np
import torch
from PIL import Image
from torch import nn
from transformers import AutoImageProcessor, AutoModelForDepthEstimation

from pipelines.errors import WeightsRefused
from pipelines.weights import check_folder


class DepthModel:
    """network: transformers' model, on its device; processor: what makes pictures ready for it."""

    def __init__(self, network: nn.Module, processor: Any) -> None:
        self.network = network
        self._processor = processor

    @torch.inference_mode()
    def __call__(self, image: Image.Image) -> Image.Image:
        """The depth map of an RGB picture, in its size; a picture without any depth is black."""
        inputs = self._processor(images=image, return_tensors="pt")
        weight = next(self.network.parameters())
        answer = self.network(inputs["pixel_values"].to(weight.device, weight.dtype))
        (found,) = self._processor.post_process_depth_estimation(answer, [(image.height, image.width)])
        depth = found["predicted_depth"].float().cpu().numpy()
        nearness = (depth - depth.min()) / (np.ptp(depth) or 1)
        return Image.fromarray((255 * nearness).astype(np.uint8)).convert("RGB")


def load_depth(folder: Path, device: torch.device, dtype: torch.dtype) -> DepthModel:
    """The model in `folder`, in transformers' format. Raises WeightsRefused."""
    check_folder(folder)
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        processor = AutoImageProcessor.from_pretrained(folder, **local)
        network, report = AutoModelForDepthEstimation.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, output_loading_info=True, **local
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise WeightsRefused("The model that sees depth cannot be read: pull it again.", field="controls") from error
    if report["missing_keys"]:
        raise WeightsRefused("The model that sees depth is not whole: pull it again.", field="controls")
    return DepthModel(network.to(device).eval().requires_grad_(False), processor)
