"""Things in a picture, by name: DETR (Carion et al., 2020, arXiv 2005.12872), YOLOS and others of transformers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before transformers

import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForObjectDetection

from pipelines.describing.folder import load_folder, placed
from pipelines.tasks import Object

SURE = 0.5  # least score of what is told
MOST = 100


@dataclass(frozen=True, slots=True)
class ObjectDetector:
    network: Any
    processor: Any

    @torch.inference_mode()
    def objects(self, image: Image.Image) -> tuple[Object, ...]:
        """Of an RGB picture, the surest first; boxes inside it."""
        inputs = placed(self.processor(images=image, return_tensors="pt"), self.network)
        (found,) = self.processor.post_process_object_detection(
            self.network(**inputs), threshold=SURE, target_sizes=[(image.height, image.width)]
        )
        names = self.network.config.id2label
        told = [
            Object(str(names[int(label)]), float(score), _inside(box.tolist(), image.size))
            for score, label, box in zip(found["scores"], found["labels"], found["boxes"], strict=True)
        ]
        return tuple(sorted(told, key=lambda each: -each.score)[:MOST])


def load_object_detector(folder: Path, device: torch.device, dtype: torch.dtype) -> ObjectDetector:
    """Raises WeightsRefused."""
    return ObjectDetector(*load_folder(folder, AutoModelForObjectDetection, AutoImageProcessor, device, dtype))


def _inside(box: list[float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = (min(max(round(each), 0), size[place % 2]) for place, each in enumerate(box))
    return left, top, right, bottom
