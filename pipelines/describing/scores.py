"""Scores of a picture: how likely it is not safe for work, and how much people would like it."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before transformers

import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor, nn
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    CLIPImageProcessor,
    CLIPVisionModelWithProjection,
)

from pipelines.describing.folder import load_folder, placed
from pipelines.errors import WeightsRefused

UNSAFE = ("nsfw", "unsafe", "porn", "hentai", "sexy")  # how the classifiers of the world call it
WIDTHS = (1024, 128, 64, 16, 1)  # of the predictor's layers
PARTS = ("weight", "bias")
PLACES = (0, 2, 4, 6, 7)  # between them lay dropouts, while it was trained


@dataclass(frozen=True, slots=True)
class SafetyScorer:
    """unsafe: the classes that are not safe for work."""

    network: Any
    processor: Any
    unsafe: tuple[int, ...]

    @torch.inference_mode()
    def score(self, image: Image.Image) -> float:
        """The probability, 0 to 1, that an RGB picture is of such a class."""
        inputs = placed(self.processor(images=image, return_tensors="pt"), self.network)
        shares = self.network(**inputs).logits[0].float().softmax(0)
        return float(shares[list(self.unsafe)].sum())


@dataclass(frozen=True, slots=True)
class AestheticScorer:
    """network: CLIP's, which sees; layers: the predictor, which judges what it saw."""

    network: Any
    processor: Any
    layers: nn.Sequential

    @torch.inference_mode()
    def score(self, image: Image.Image) -> float:
        """Of an RGB picture, about 1 to 10, as people rated those of the training."""
        inputs = placed(self.processor(images=image, return_tensors="pt"), self.network)
        seen: Tensor = self.network(**inputs).image_embeds.float()
        return float(self.layers(seen / seen.norm(dim=-1, keepdim=True)))


def load_safety_scorer(folder: Path, device: torch.device, dtype: torch.dtype) -> SafetyScorer:
    """Any classifier of pictures with a class of one of those names: Falconsai's, say. Raises WeightsRefused."""
    network, processor = load_folder(folder, AutoModelForImageClassification, AutoImageProcessor, device, dtype)
    names = network.config.id2label
    unsafe = tuple(index for index, name in names.items() if str(name).lower() in UNSAFE)
    if not unsafe:
        raise WeightsRefused(f"The model in {folder.name} has no class of what is not safe for work.", field="model")
    return SafetyScorer(network, processor, unsafe)


def load_aesthetic_scorer(folder: Path, device: torch.device, dtype: torch.dtype) -> AestheticScorer:
    """LAION's predictor (christophschuhmann/improved-aesthetic-predictor) in one file with the CLIP that it reads, as
    shunk031/aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE has it: its layers are `layers.N`, and know no
    activations. Raises WeightsRefused.
    """
    network, processor = load_folder(folder, CLIPVisionModelWithProjection, CLIPImageProcessor, device, dtype)
    widths = (network.config.projection_dim, *WIDTHS)
    layers = nn.Sequential(*(nn.Linear(width, after) for width, after in pairwise(widths)))
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        names = {f"{index}.{part}": f"layers.{place}.{part}" for index, place in enumerate(PLACES) for part in PARTS}
        try:
            layers.load_state_dict({ours: file.get_tensor(theirs) for ours, theirs in names.items()})
        except Exception as error:  # safetensors has a class of its own for a tensor that is not there
            raise WeightsRefused(f"The model in {folder.name} lacks the aesthetic predictor.", field="model") from error
    return AestheticScorer(network, processor, layers.to(device).float().eval().requires_grad_(False))
