"""A sentence that says what a picture shows: BLIP (Li et al., 2022, arXiv 2201.12086) as transformers has it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before transformers

import torch
from PIL import Image
from transformers import BlipForConditionalGeneration, BlipProcessor

from pipelines.describing.folder import load_folder, placed

MOST_TOKENS = 40


@dataclass(frozen=True, slots=True)
class Captioner:
    network: Any
    processor: Any

    @torch.inference_mode()
    def caption(self, image: Image.Image) -> str:
        """Of an RGB picture; the likeliest words one after the other, so that the same picture has the same caption."""
        inputs = placed(self.processor(images=image, return_tensors="pt"), self.network)
        tokens = self.network.generate(**inputs, max_new_tokens=MOST_TOKENS, do_sample=False, num_beams=1)
        return str(self.processor.batch_decode(tokens, skip_special_tokens=True)[0]).strip()


def load_captioner(folder: Path, device: torch.device, dtype: torch.dtype) -> Captioner:
    """Raises WeightsRefused."""
    return Captioner(*load_folder(folder, BlipForConditionalGeneration, BlipProcessor, device, dtype))
