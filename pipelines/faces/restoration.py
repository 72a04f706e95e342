"""Faces made clear again: each is cut out with a margin, drawn anew by a network at 512 pixels, and put back softly."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pipelines.canvas import Box
from pipelines.errors import DrawingFailed, WeightsRefused
from pipelines.tasks import Face
from pipelines.upscale.network import as_pixels, place, read_network

Pixels = NDArray[np.uint8]  # (height, width, 3), RGB

SIDE = 512  # pixels; what these networks were trained on
ROOM = 1.64  # of a face's box: their faces were aligned so that the eyes are a quarter of the picture apart
FADE = 0.1  # of the side, over which what was restored fades into the picture
TOGETHER = 2  # faces in a batch


@dataclass(frozen=True, slots=True)
class Restorer:
    """network: takes (n, 3, 512, 512) of values in 0..1 and gives the same."""

    network: Any
    device: torch.device
    dtype: torch.dtype

    @torch.inference_mode()
    def restore(self, faces: Sequence[Pixels]) -> list[Pixels]:
        """(512, 512, 3) each. Raises DrawingFailed where the network gives no numbers."""
        restored = list[Pixels]()
        for start in range(0, len(faces), TOGETHER):
            batch = torch.from_numpy(np.stack(faces[start : start + TOGETHER])).to(self.device)
            drawn: Tensor = self.network((batch.permute(0, 3, 1, 2).float() / 255).to(self.dtype)).float()
            if not drawn.isfinite().all():
                raise DrawingFailed("The face restorer produced numbers that are no picture.")
            restored += [as_pixels(face.clamp(0, 1), 1) for face in drawn]
        return restored


@dataclass(frozen=True, slots=True)
class Restored:
    """The picture in its own mode, RGB or RGBA; how many faces were found in it, and how many of them restored."""

    picture: Image.Image
    found: int
    restored: int


def load_restorer(file: Path, device: torch.device, dtype: torch.dtype) -> Restorer:
    """GFPGAN or RestoreFormer from a .safetensors file, in float32 unless it runs on CUDA and stands `dtype`.

    Raises WeightsRefused where it is of no architecture that spandrel knows, or does something else. CodeFormer is one
    of those: spandrel keeps it in a package of its own, for its licence forbids commercial use.
    """
    found = read_network(file)
    if found.purpose != "FaceSR":
        raise WeightsRefused(f"The model {file.name} does something else than restore faces.", field="model")
    placed_as = place(found, device, dtype)
    network = _Gfpgan(found.model) if found.architecture.id == "GFPGAN" else found
    return Restorer(network, device, placed_as)


def with_faces_restored(
    image: Image.Image, faces: Sequence[Face], restorer: Restorer | None, strength: float = 1.0
) -> Restored:
    """Each face drawn anew; without a restorer the picture as it is, and none counted as restored.

    strength: 0 to 1, how much of a new face shows over the old one. Raises DrawingFailed, and what the device raises.
    """
    if restorer is None or not faces or not strength:
        return Restored(image, len(faces), 0)
    pixels = np.asarray(image.convert("RGB"))
    boxes = [_around(face.box) for face in faces]
    picture = Image.fromarray(pixels)
    for box, face in zip(boxes, restorer.restore([_cut(pixels, box) for box in boxes]), strict=True):
        side = box[2] - box[0]
        drawn = Image.fromarray(face).resize((side, side), Image.Resampling.LANCZOS)
        picture.paste(drawn, box[:2], _fade(side, strength))
    if image.has_transparency_data:
        picture.putalpha(image.convert("RGBA").getchannel("A"))
    return Restored(picture, len(faces), len(faces))


@dataclass(frozen=True, slots=True)
class _Gfpgan:
    """As its authors call it (https://github.com/TencentARC/GFPGAN, gfpgan/utils.py): values from -1 to 1, which
    spandrel 0.4.2 leaves out; and with the noise that is in the file, so that the same picture gives the same face.
    """

    model: Any

    def __call__(self, faces: Tensor) -> Tensor:
        drawn: Tensor = self.model(2 * faces - 1, return_rgb=False, randomize_noise=False)[0]
        return (drawn + 1) / 2


def _around(box: Box) -> Box:
    """The square of ROOM times the face's longer side around its middle; it may reach beyond the picture."""
    left, top, right, bottom = box
    side = max(2, round(ROOM * max(right - left, bottom - top)))
    x, y = (left + right - side) // 2, (top + bottom - side) // 2
    return x, y, x + side, y + side


def _cut(pixels: Pixels, box: Box) -> Pixels:
    """(512, 512, 3): what is in the box; beyond the picture, its outermost pixels again."""
    height, width, _ = pixels.shape
    rows = np.arange(box[1], box[3]).clip(0, height - 1)
    columns = np.arange(box[0], box[2]).clip(0, width - 1)
    face = Image.fromarray(pixels[rows][:, columns])
    return np.asarray(face.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _fade(side: int, strength: float) -> Image.Image:
    """L of (side, side): as bright as `strength` says, but black towards its edges."""
    from_edge = np.minimum(np.arange(side) + 0.5, side - np.arange(side) - 0.5)
    level = (from_edge / max(0.5, FADE * side)).clip(0, 1)
    return Image.fromarray(np.rint(255 * strength * level[:, None] * level).astype(np.uint8))
