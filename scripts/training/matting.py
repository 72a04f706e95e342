"""The matting stage: a U-Net of 0.2 million parameters that tells shapes from the ground they lie on, kept as ONNX.

A file in ONNX is not read back: where .training/ has no checkpoint, this stage starts from nothing.
"""

from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from pipelines.matting.network import FAMILIES, Levels
from training.scenes import GROUNDS, scene

FAMILY = FAMILIES["shapes"]
WIDTHS = (16, 32, 48, 64)  # channels at full size, a half, a quarter, an eighth
BATCH = 16
PAIR_SHARE = 0.3
MODEL = "shapes-matting"


class MattingUNet(nn.Module):
    """(n, 3, side, side), normalised, to (n, 1, side, side): logits of being foreground. Side: a multiple of 8."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *WIDTHS[:-1])
        self.down = nn.ModuleList(_block(*widths) for widths in zip(inputs, WIDTHS, strict=True))
        self.up = nn.ModuleList(_block(coarse + fine, fine) for fine, coarse in pairwise(WIDTHS))
        self.last = nn.Conv2d(WIDTHS[0], 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        seen = [self.down[0](pictures)]
        for block in self.down[1:]:
            seen.append(block(nn.functional.max_pool2d(seen[-1], 2)))
        state = seen.pop()
        for block, fine in zip(reversed(self.up), reversed(seen), strict=True):
            enlarged = nn.functional.interpolate(state, scale_factor=2.0, mode="nearest")
            state = block(torch.cat([enlarged, fine], dim=1))
        logits: Tensor = self.last(state)
        return logits


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(8, outputs), nn.SiLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.GroupNorm(8, outputs), nn.SiLU(),
    )  # fmt: skip


class MattingStage:
    name = "matting"
    learning_rate = 3e-3
    averaging = 0.99

    def __init__(self, network: MattingUNet, device: torch.device) -> None:
        self.module: nn.Module = network.to(device)
        self.device = device

    def loss(self, random: Random, done: float) -> Tensor:
        pictures, masks = lessons(random, BATCH)
        return mask_loss(self.module(pictures.to(self.device)).float(), masks.to(self.device))


def mask_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross entropy of every pixel, and 1 - Dice of every picture (Milletari et al., 2016); (n, ..., h, w) both."""
    shares, pixels = logits.sigmoid(), (-2, -1)
    overlap = (2 * (shares * masks).sum(pixels) + 1) / (shares.sum(pixels) + masks.sum(pixels) + 1)
    return nn.functional.binary_cross_entropy_with_logits(logits, masks) + (1 - overlap).mean()


def lessons(random: Random, count: int, *, held_out: bool = False) -> tuple[Tensor, Tensor]:
    """(count, 3, side, side) as the network takes them, and (count, 1, side, side) of 0..1: the truth."""
    pictures, masks = list[Levels](), list[Levels]()
    for _ in range(count):
        things = 2 if random.random() < PAIR_SHARE else 1
        image, found = scene(random, FAMILY.side, things, random.choice(sorted(GROUNDS)), held_out=held_out)
        levels = np.asarray(image, dtype=np.float32)
        pictures.append(((levels / levels.max() - FAMILY.mean) / FAMILY.deviation).astype(np.float32))
        masks.append(np.max([np.asarray(thing.mask, dtype=np.float32) / 255 for thing in found], axis=0))
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2), torch.from_numpy(np.stack(masks))[:, None]


@torch.no_grad()
def mean_iou(network: nn.Module, device: torch.device, count: int = 100) -> float:
    """Intersection over union at a certainty of a half, the mean over held-out scenes on all grounds."""
    pictures, masks = lessons(Random(1), count, held_out=True)
    found = torch.cat([network(part.to(device)).cpu() for part in pictures.split(BATCH)]) > 0
    truth = masks > 0.5
    return ((found & truth).sum((1, 2, 3)) / (found | truth).sum((1, 2, 3)).clamp_min(1)).mean().item()


def save(network: nn.Module, folder: Path) -> Path:
    """As ONNX that takes any number of pictures and gives certainties; of this machine it says nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = nn.Sequential(network, nn.Sigmoid()).float().cpu().eval()
    example = torch.zeros(2, 3, FAMILY.side, FAMILY.side)
    program = torch.onnx.export(
        whole, (example,), dynamo=True, input_names=["pictures"], output_names=["masks"],
        dynamic_shapes=({0: torch.export.Dim("pictures", max=64)},), verbose=False,
    )  # fmt: skip
    assert program is not None
    model = program.model_proto
    for node in [*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output]:
        node.ClearField("metadata_props")  # where in whose source the node comes from
        node.ClearField("doc_string")
    file = folder / f"{MODEL}.onnx"
    onnx.save(model, file)
    return file
