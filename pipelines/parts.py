"""The parts of loaded models, by what they are made of: models share them, and what has left the device lies ready.

On the host, pinned where the device is CUDA, so that a model comes back at the speed of the bus and not of the disk.
"""

import copy
import os
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn

from pipelines.sdxl.tuned import is_streamed

PartKey = tuple[str, str, str]  # which part, whose weights (sha256, or the path where that is not known), its config


class Parts:
    """One thread uses it.

    host_budget: bytes that the copies on the host may take together; None is a quarter of what is free there beside
    CUDA, and nothing beside a CPU, where they would only be double.

    Torch rounds the size of each pinned tensor up to a power of two, which is not counted.
    """

    def __init__(self, device: torch.device, host_budget: int | None) -> None:
        self._device = device
        self._budget = _usual_budget(device) if host_budget is None else host_budget
        self._loaded: WeakValueDictionary[PartKey, nn.Module] = WeakValueDictionary()
        self._kept: dict[PartKey, nn.Module] = {}  # the least recently used first

    @property
    def keeps(self) -> bool:
        """Whether anything is kept when it leaves."""
        return self._budget > 0

    def loaded(self, key: PartKey) -> nn.Module | None:
        return self._loaded.get(key)

    def on_host(self, keys: Mapping[str, PartKey]) -> dict[str, nn.Module]:
        """The copies that were kept of these, for `returned`; they are the most recently used from now on."""
        found = {part: kept for part, key in keys.items() if (kept := self._kept.pop(key, None)) is not None}
        # The weights do not change: when they leave the device again, nothing has to be copied.
        self._kept |= {keys[part]: kept for part, kept in found.items()}
        return found

    def returned(self, kept: nn.Module) -> nn.Module:
        """What was kept on the host, on the device."""
        return _with_tensors(kept, lambda tensor: tensor.to(self._device, copy=True, non_blocking=True))

    def add(self, key: PartKey, part: nn.Module) -> None:
        """Say that a part is loaded."""
        self._loaded[key] = part

    def leave(self, parts: Iterable[nn.Module]) -> None:
        """Keep copies on the host of those that are on the device, as they are: bare of LoRAs."""
        leaving = {id(part) for part in parts}
        for key, part in list(self._loaded.items()):
            if id(part) in leaving and key not in self._kept and self._is_whole(part) and self._has_room(part):
                self._kept[key] = _with_tensors(part, self._to_host)

    def _is_whole(self, part: nn.Module) -> bool:
        """Not one that is streamed through the device, which lies on the host anyway."""
        return not is_streamed(part) and all(each.device.type == self._device.type for each in _of(part))

    def _has_room(self, part: nn.Module) -> bool:
        """Whether it may be kept: the least recently used make room."""
        if (size := _bytes(part)) > self._budget:
            return False
        while size + sum(map(_bytes, self._kept.values())) > self._budget:
            del self._kept[next(iter(self._kept))]
        return True

    def _to_host(self, tensor: Tensor) -> Tensor:
        pinned = self._device.type == "cuda"
        return torch.empty_like(tensor, device="cpu", pin_memory=pinned).copy_(tensor)


def _usual_budget(device: torch.device) -> int:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return free // 4 if device.type == "cuda" else 0


def _with_tensors(part: nn.Module, change: Callable[[Tensor], Tensor]) -> nn.Module:
    """A module like it with each parameter and buffer changed; of the tensors themselves nothing else is copied."""
    known = {id(tensor): _like(tensor, change(tensor)) for tensor in _of(part)}
    return copy.deepcopy(part, known)


def _like(tensor: Tensor, changed: Tensor) -> Tensor:
    return nn.Parameter(changed, requires_grad=False) if isinstance(tensor, nn.Parameter) else changed


def _of(part: nn.Module) -> Iterable[Tensor]:
    return chain(part.parameters(), part.buffers())


def _bytes(part: nn.Module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in _of(part))
