"""LoRAs: what they add to a model's weights, put on and taken off without a trace (Hu et al., 2021, arXiv 2106.09685).

Weights are fused in place, W + scale * alpha / rank * up @ down, so that a tick costs the same with or without. What
is taken off comes back from copies of the touched weights, never by subtraction, which would leave rounding behind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pipelines.errors import WeightsRefused
from pipelines.sdxl.lora_names import module_names, place_of
from pipelines.weights import check_safetensors

PARTS = ("unet", "text_encoder", "text_encoder_2")


@dataclass(frozen=True, slots=True)
class Update:
    """What one LoRA adds to one weight. down: (rank, inputs ...); up: (outputs, rank ...)."""

    part: str
    module: str
    down: Tensor
    up: Tensor
    alpha: float

    def of(self, weight: Tensor) -> Tensor:
        """In float32 on the weight's device, in the weight's shape."""
        up, down = (each.to(weight.device, torch.float32).flatten(1) for each in (self.up, self.down))
        return (up @ down).view(weight.shape) * (self.alpha / len(self.down))


def read_lora(file: Path, parts: Mapping[str, nn.Module]) -> list[Update]:
    """The updates in a .safetensors file. Raises WeightsRefused where it was not made for such a model."""
    check_safetensors(file)
    known = module_names(parts)
    found: dict[tuple[str, str], dict[str, Tensor]] = {}
    for key, tensor in load_file(file).items():
        place = place_of(key, known)
        if place is None:
            raise WeightsRefused("This LoRA was made for another kind of model.", field="loras")
        found.setdefault((place.part, place.module), {})[place.role] = tensor
    return [_update(part, module, tensors, parts[part]) for (part, module), tensors in found.items()]


def _update(part: str, module: str, tensors: Mapping[str, Tensor], whole: nn.Module) -> Update:
    weight = whole.get_submodule(module).weight
    assert isinstance(weight, Tensor)
    if "down" not in tensors or "up" not in tensors:
        raise WeightsRefused("This LoRA lacks one half of a layer; copy it again.", field="loras")
    down, up = tensors["down"], tensors["up"]
    fits = len(down) == up.shape[1] and len(up) == len(weight) and down[0].numel() == weight[0].numel()
    if not fits:
        raise WeightsRefused("This LoRA was made for a model of another size.", field="loras")
    return Update(part, module, down, up, float(tensors["alpha"]) if "alpha" in tensors else float(len(down)))


@dataclass(slots=True)
class Worn:
    """What a part wears, and the weights under it by the module's name. outfit: None while it is being changed."""

    outfit: tuple[tuple[str, float], ...] | None = ()
    bare: dict[str, Tensor] = field(default_factory=dict)


class Wardrobe:
    """Knows what each part of each model wears; models may share parts."""

    def __init__(self) -> None:
        self._worn: WeakKeyDictionary[nn.Module, Worn] = WeakKeyDictionary()

    @torch.no_grad()
    def wear(self, parts: Mapping[str, nn.Module], outfit: Sequence[tuple[str, float, Sequence[Update]]]) -> None:
        """Bring the parts to these LoRAs, each with its name, its scale and its updates; nothing else stays on."""
        for name, part in parts.items():
            worn = self._worn.setdefault(part, Worn())
            wanted = tuple((lora, scale) for lora, scale, updates in outfit if any(u.part == name for u in updates))
            if worn.outfit == wanted:
                continue
            worn.outfit = None  # where memory ends half way, the next to wear anything begins anew
            for module, bare in worn.bare.items():
                _weight(part, module).copy_(bare)
            worn.bare.clear()  # the copies take as much memory as the weights: none is kept for a part that is bare
            for _, scale, updates in outfit:
                for update in updates:
                    if update.part == name:
                        weight = _weight(part, update.module)
                        worn.bare.setdefault(update.module, weight.clone())
                        weight.copy_(weight.float() + scale * update.of(weight))
            worn.outfit = wanted


def _weight(part: nn.Module, module: str) -> Tensor:
    weight = part.get_submodule(module).weight
    assert isinstance(weight, Tensor)
    return weight
