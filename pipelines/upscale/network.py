"""The network that enlarges, whichever of spandrel's architectures it has: from its file to tiles of pixels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before spandrel

import torch
from safetensors.torch import load_file
from spandrel import ImageModelDescriptor, ModelLoader
from torch import Tensor
from torch.nn.functional import avg_pool2d

from pipelines.errors import DrawingFailed, WeightsRefused
from pipelines.upscale.denoise import denoised
from pipelines.upscale.tiles import Pixels
from pipelines.weights import check_safetensors


@dataclass(frozen=True, slots=True)
class Upscaler:
    """network: takes (n, 3, h, w) of values in 0..1 and gives the same at `scale` times the sides."""

    network: Any
    scale: int
    device: torch.device
    dtype: torch.dtype

    def enlarge(self, tiles: Tensor, denoise: Tensor) -> Tensor:
        """(n, side, side, 3) of bytes to (n, 3, side * scale, side * scale) of values in 0..1, on the device.

        denoise: (n,), how strongly each tile is denoised first, see `denoised`. No tile depends on another, so those of
        several pictures may come together. Raises DrawingFailed where the network gives no numbers.
        """
        pictures = tiles.to(self.device).permute(0, 3, 1, 2).to(torch.float32) / 255  # laid out channels last
        pictures = denoised(pictures, denoise.to(self.device, torch.float32))
        enlarged: Tensor = self.network(pictures.to(self.dtype))
        if not enlarged.isfinite().all():
            raise DrawingFailed("The upscaler produced numbers that are no picture.")
        return enlarged


def load_upscaler(file: Path, device: torch.device, dtype: torch.dtype) -> Upscaler:
    """The upscaler in a .safetensors file; in float32 unless it runs on CUDA and its architecture stands `dtype`.

    Raises WeightsRefused where it is no safetensors, of no architecture that spandrel knows, or does something else.
    """
    found = read_network(file)
    if not isinstance(found, ImageModelDescriptor) or found.purpose not in ("SR", "Restoration"):
        raise WeightsRefused(f"The model {file.name} does something else than enlarge pictures.", field="model")
    if (found.input_channels, found.output_channels) != (3, 3):
        raise WeightsRefused(f"The upscaler {file.name} is not for pictures in RGB.", field="model")
    placed_as = place(found, device, dtype)
    return Upscaler(found, found.scale, device, placed_as)


def place(found: Any, device: torch.device, dtype: torch.dtype) -> torch.dtype:
    """Put what `read_network` gave on the device, ready to run. Returns its type of numbers, `dtype` where it can."""
    halves = {torch.float16: found.supports_half, torch.bfloat16: found.supports_bfloat16}
    placed_as = dtype if device.type == "cuda" and halves.get(dtype, True) else torch.float32
    found.to(device, placed_as).eval()
    found.model.requires_grad_(False)
    return placed_as


def read_network(file: Path) -> Any:
    """What spandrel makes of a .safetensors file, on the CPU. Raises WeightsRefused."""
    check_safetensors(file)
    try:
        return ModelLoader().load_from_state_dict(load_file(file))
    except Exception as error:  # each architecture guesses its shape from the tensors, and raises what it likes
        sentence = f"The model {file.name} is of no architecture that is known here, or not whole."
        raise WeightsRefused(sentence, field="model") from error


def as_pixels(enlarged: Tensor, shrink: int) -> Pixels:
    """(3, h, w) of values in 0..1 to bytes of (h / shrink, w / shrink, 3): means of squares, which know no seams."""
    if shrink > 1:
        enlarged = avg_pool2d(enlarged, shrink)
    pixels: Pixels = (enlarged * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return pixels
