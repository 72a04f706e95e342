"""Names to loaded models: loads on demand, shares equal parts, keeps to a memory budget, forgets the least used.

One thread, the worker's, loads and unloads; `loaded` may be asked from any. A model that the registry forgets lives on
while somebody holds it: an engine with rows of it can finish them, and its memory comes free after that.
"""

import dataclasses
import gc
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import nn

from pipelines.catalog import Catalog, Model
from pipelines.engine.pipeline import Pipeline
from pipelines.errors import OutOfMemory, TaskRefused
from pipelines.fake import FakePipeline
from pipelines.planning import check_installed
from pipelines.sdxl.loading import CONFIGS, PARTS, load_checkpoint, load_folder, weight_file
from pipelines.sdxl.model import SdxlModel
from pipelines.sdxl.pipeline import SdxlPipeline
from pipelines.tasks import Lora
from pipelines.weights import check_safetensors, inside, verify_sha256

PartKey = tuple[str, str, str]  # which part, whose weights (sha256, or the path where that is not known), its config


class Registry:
    """memory_budget: bytes that the parameters of all loaded models may take together; None is no limit."""

    def __init__(self, catalog: Catalog, device: torch.device, dtype: torch.dtype, memory_budget: int | None) -> None:
        self._catalog = catalog
        self._device = device
        self._dtype = dtype
        self._budget = memory_budget
        self._models: dict[str, SdxlModel] = {}  # the least recently used first
        self._parts: WeakValueDictionary[PartKey, nn.Module] = WeakValueDictionary()

    def sdxl(self, model_id: str) -> SdxlModel:
        """The model, loaded if it was not, and from now on the most recently used.

        Raises ModelUnknown, ModelNotInstalled, WeightsRefused, TaskRefused if it is of another kind, and OutOfMemory
        if it alone is more than the budget.
        """
        model = self._models.pop(model_id, None) or self._load(self._catalog.get(model_id))
        self._models[model_id] = model
        return model

    def pipeline(self, model_id: str, loras: tuple[Lora, ...]) -> Pipeline[Any]:
        """What draws with the model and that set of LoRAs. Raises what `sdxl` raises."""
        if self._catalog.get(model_id).kind == "fake":
            return FakePipeline()
        return SdxlPipeline(self.sdxl(model_id), wear=lambda: None)

    def unload(self, model_id: str) -> None:
        """Forget the model, and give what only it used back to the device. Unknown and unloaded ids are ignored."""
        self._models.pop(model_id, None)
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def loaded(self) -> tuple[str, ...]:
        """The ids of the loaded models, the least recently used first."""
        return tuple(self._models)

    def _load(self, entry: Model) -> SdxlModel:
        if entry.kind not in ("sdxl", "sdxl-inpaint"):
            raise TaskRefused("This model does not draw; choose one of kind sdxl.", field="model")
        check_installed(self._catalog, entry)
        folder = self._catalog.folder(entry)
        for file in entry.files:
            path = inside(folder, file.path)
            if file.sha256:
                verify_sha256(path, file.sha256)
        model = self._from_checkpoint(entry, folder) if len(entry.files) == 1 else self._from_folder(entry, folder)
        return dataclasses.replace(model, scheduler={**model.scheduler, **entry.scheduler})

    def _from_checkpoint(self, entry: Model, folder: Path) -> SdxlModel:
        file = folder / entry.files[0].path
        self._make_room([file])
        lender = self._catalog.get(entry.tokenizers_from or entry.id)
        tokenizers = self._catalog.folder(lender)
        return load_checkpoint(entry.id, file, CONFIGS, tokenizers, self._device, self._dtype)

    def _from_folder(self, entry: Model, folder: Path) -> SdxlModel:
        sha256 = {file.path: file.sha256 for file in entry.files}
        keys = {}
        for part in PARTS:
            file = weight_file(folder / part)
            content = sha256.get(file.relative_to(folder).as_posix()) or str(file.resolve())
            keys[part] = (part, content, (folder / part / "config.json").read_text(encoding="utf-8"))
        # Held from here on, so that making room for the rest cannot take a shared part away.
        shared = {part: module for part, key in keys.items() if (module := self._parts.get(key)) is not None}
        absent = [weight_file(folder / part) for part in PARTS if part not in shared]
        self._make_room(absent, list(shared.values()))
        model = load_folder(entry.id, folder, self._device, self._dtype, shared)
        for part, key in keys.items():
            self._parts[key] = getattr(model, part)
        return model

    def _make_room(self, files: Iterable[Path], kept: Sequence[nn.Module] = ()) -> None:
        """Unload the least recently used until the parameters in `files` fit beside `kept` and what is left."""
        if self._budget is None:
            return
        width = self._dtype.itemsize
        needed = width * sum(tensor.elements for file in files for tensor in check_safetensors(file).values())
        if needed + _bytes(kept) > self._budget:
            raise OutOfMemory("The model is larger than the memory that it may use; raise the memory budget.")
        while needed + _bytes([*kept, *self._all_parts()]) > self._budget:
            self.unload(next(iter(self._models)))

    def _all_parts(self) -> list[nn.Module]:
        return [getattr(model, part) for model in self._models.values() for part in PARTS]


def _bytes(modules: Iterable[nn.Module]) -> int:
    """What the parameters take, those that several modules share once."""
    distinct = {id(tensor): tensor for module in modules for tensor in module.parameters()}
    return sum(tensor.numel() * tensor.element_size() for tensor in distinct.values())
