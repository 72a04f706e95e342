"""The networks that work on given pictures, by the names of their models: loaded on demand, the least used forgotten.

They are small beside the models that draw, a hundred megabytes at most, so they are counted and not weighed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from pipelines.catalog import Catalog, Model
from pipelines.planning import check_installed
from pipelines.upscale.network import Upscaler, load_upscaler
from pipelines.weights import inside, verify_sha256

MOST_LOADED = 4

Load = Callable[[Path, torch.device, torch.dtype], Any]


class Tools:
    """One thread uses it. What it has forgotten lives on while somebody holds it."""

    def __init__(self, catalog: Catalog, device: torch.device, dtype: torch.dtype) -> None:
        self._catalog, self._device, self._dtype = catalog, device, dtype
        self._loaded: dict[str, Any] = {}  # by what they are made of, the least recently used first

    def upscaler(self, name: str) -> Upscaler:
        """Raises ModelUnknown, ModelNotInstalled and WeightsRefused."""
        upscaler: Upscaler = self._tool(self._catalog.get(name), load_upscaler)
        return upscaler

    def _tool(self, entry: Model, load: Load) -> Any:
        """What `load` makes of the entry's only file."""
        check_installed(self._catalog, entry)
        tool = self._loaded.pop(entry.content, None) or load(self._file(entry), self._device, self._dtype)
        self._loaded[entry.content] = tool
        while len(self._loaded) > MOST_LOADED:
            del self._loaded[next(iter(self._loaded))]
        return tool

    def _file(self, entry: Model) -> Path:
        (file,) = entry.files
        path = inside(self._catalog.folder(entry), file.path)
        if file.sha256:
            verify_sha256(path, file.sha256)
        return path
