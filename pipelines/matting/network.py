"""Networks in ONNX that tell an object from its background: U2-Net, IS-Net, BiRefNet and what is exported like them.

onnxruntime alone runs them, without the package rembg: that asks for numba, scipy and scikit-image, and its sessions
would download. What it knows of each family, size and normalisation, is the table here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch  # for CUDA too: its libraries are then loaded, where sessions of onnxruntime look for them
from numpy.typing import NDArray
from PIL import Image

from pipelines.canvas import in_rgb
from pipelines.errors import DrawingFailed, WeightsRefused
from pipelines.weights import check_file

Levels = NDArray[np.float32]
Triple = tuple[float, float, float]

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PLAIN_SPREAD = 0.1  # a mask that varies less than this shows nothing that could be stretched
TOGETHER = 4  # pictures in a batch


@dataclass(frozen=True, slots=True)
class Family:
    """How networks of one family want pictures. side: of the square in pixels, where the file leaves it open.

    mean, deviation: of the channels, whose brightest value counts as 1. logits: what comes out is no probability yet.
    """

    side: int
    mean: Triple
    deviation: Triple
    logits: bool = False


# As the sessions of rembg 2.0.86 have it (https://github.com/danielgatis/rembg, rembg/sessions).
FAMILIES = {
    "u2net": Family(320, IMAGENET_MEAN, IMAGENET_DEVIATION),
    "silueta": Family(320, IMAGENET_MEAN, IMAGENET_DEVIATION),
    "isnet": Family(1024, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)),
    "ben": Family(1024, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)),
    "birefnet": Family(1024, IMAGENET_MEAN, IMAGENET_DEVIATION, logits=True),
    "bria": Family(1024, IMAGENET_MEAN, IMAGENET_DEVIATION),
    "shapes": Family(128, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),  # ours
}


@dataclass(frozen=True, slots=True)
class MattingNetwork:
    """session: takes (n, 3, side, side) and gives (n, 1, side, side) first; side: in pixels."""

    session: onnxruntime.InferenceSession
    family: Family
    side: int

    def masks(self, images: Sequence[Image.Image]) -> list[Image.Image]:
        """For each picture, L of its size: how certainly each pixel is foreground. No picture depends on another.

        Raises DrawingFailed where the network gives no numbers.
        """
        masks = (mask for batch in self._batches(images) for mask in self._answer(batch))
        return [self._mask(mask, image.size) for mask, image in zip(masks, images, strict=True)]

    def _batches(self, images: Sequence[Image.Image]) -> Iterator[Levels]:
        """Several pictures at once where the network takes any number of them; else one by one."""
        count = 1 if isinstance(self.session.get_inputs()[0].shape[0], int) else TOGETHER
        for start in range(0, len(images), count):
            yield np.stack([self._read(image) for image in images[start : start + count]])

    def _read(self, image: Image.Image) -> Levels:
        square = in_rgb(image).resize((self.side, self.side), Image.Resampling.LANCZOS)
        levels = np.asarray(square, dtype=np.float32)
        levels = levels / max(float(levels.max()), 1e-6)
        normal = (levels - np.array(self.family.mean)) / np.array(self.family.deviation)
        return normal.transpose(2, 0, 1).astype(np.float32)

    def _answer(self, batch: Levels) -> Levels:
        answer: Levels = self.session.run(None, {self.session.get_inputs()[0].name: batch})[0]
        answer = answer.reshape(len(batch), *answer.shape[-2:])
        if not np.isfinite(answer).all():
            raise DrawingFailed("The matting network produced numbers that are no mask.")
        return np.asarray(1 / (1 + np.exp(-answer)), dtype=np.float32) if self.family.logits else answer

    def _mask(self, certainty: Levels, size: tuple[int, int]) -> Image.Image:
        """Stretched from 0 to 1, as these networks are meant to be read, unless that would make much of nothing."""
        least, most = float(certainty.min()), float(certainty.max())
        if most - least > PLAIN_SPREAD:
            certainty = (certainty - least) / (most - least)
        mask = Image.fromarray(np.rint(certainty.clip(0, 1) * 255).astype(np.uint8))
        return mask.resize(size, Image.Resampling.LANCZOS)


def load_matting(file: Path, device: torch.device, family: str | None = None) -> MattingNetwork:
    """The network in an .onnx file, on CUDA where `device` is that and this onnxruntime can.

    family: a key of FAMILIES; None goes by the file's name ("isnet-general-use.onnx"). Raises WeightsRefused where the
    file is no ONNX, or does not take one picture in RGB, or its family is unknown.
    """
    check_file(file)
    named = FAMILIES.get(family or family_of(file.name))
    if named is None:
        sentence = f"The model {file.name} is of no family that is known here, which are: {', '.join(FAMILIES)}."
        raise WeightsRefused(sentence, field="model")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; a warning a picture helps nobody
    try:
        session = onnxruntime.InferenceSession(str(file), options, providers=_providers(device))
    except Exception as error:  # its own classes have no common root but this
        raise WeightsRefused(f"The model {file.name} is no network in ONNX, or not whole.", field="model") from error
    return MattingNetwork(session, named, _side(session, file.name) or named.side)


def family_of(name: str) -> str:
    """The family in the name of a file; "" where there is none. The longest counts."""
    return next((each for each in sorted(FAMILIES, key=len, reverse=True) if each in name.lower()), "")


def _side(session: onnxruntime.InferenceSession, name: str) -> int | None:
    """Of the square that the network takes; None where it takes any. Raises WeightsRefused."""
    inputs = session.get_inputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    sides = {each for each in shape[2:] if isinstance(each, int)}
    if len(shape) != 4 or shape[1] != 3 or len(sides) > 1 or inputs[0].type != "tensor(float)":
        raise WeightsRefused(f"The model {name} does not take one square picture in RGB.", field="model")
    return sides.pop() if sides else None


def _providers(device: torch.device) -> list[tuple[str, dict[str, int]]]:
    """CUDA first where it is wanted and there, on that device; what it cannot run falls back to the CPU.

    As in https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html: names with their options.
    """
    on_cuda = device.type == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    cuda = [("CUDAExecutionProvider", {"device_id": device.index or 0})] if on_cuda else []
    return [*cuda, ("CPUExecutionProvider", {})]
