"""Names to loaded models: loads on demand, shares equal parts, keeps to a memory budget, forgets the least used.

One thread, the worker's, loads and unloads; `loaded` may be asked from any. A model that the registry forgets lives on
while somebody holds it: an engine with rows of it can finish them, and its memory comes free after that.
"""

import dataclasses
import gc
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
from PIL import Image
from torch import nn

from pipelines.catalog import Catalog, Model
from pipelines.counters import Counters
from pipelines.entries import DRAWING_KINDS
from pipelines.errors import OutOfMemory, TaskRefused
from pipelines.fake import FakePipeline
from pipelines.loader import Loaded, Loader, modules, weight_bytes
from pipelines.planning.installed import controlnet_named, ip_adapter_named, lora_named, vae_named
from pipelines.sdxl import control_files, ip_files
from pipelines.sdxl.embeddings import Embeddings
from pipelines.sdxl.ip_adapter import IpAdapter
from pipelines.sdxl.lora import PARTS as LORA_PARTS
from pipelines.sdxl.lora import Wardrobe, read_lora
from pipelines.sdxl.model import SdxlModel
from pipelines.sdxl.pipeline import SdxlPipeline
from pipelines.sdxl.seamless import seamless as seamless_twin
from pipelines.sdxl.tuned import is_streamed
from pipelines.tally import Tally
from pipelines.tasks import Lora
from pipelines.tools import Tools
from pipelines.tuning import Tuning

# A model's id, contents of LoRAs and of a VAE, and whether it draws seamless pictures.
PipelineKey = tuple[str, tuple[tuple[str, float], ...], str | None, bool]
MOST_PIPELINES = 16  # kept: a model with a set of LoRAs each


class Registry:
    """memory_budget: bytes that the parameters of all loaded models may take together; None is no limit."""

    def __init__(
        self,
        catalog: Catalog,
        device: torch.device,
        dtype: torch.dtype,
        memory_budget: int | None,
        tuning: Tuning | None = None,
    ) -> None:
        self._catalog = catalog
        self._device = device
        self._dtype = dtype
        self._budget = memory_budget
        self._models: dict[str, Loaded] = {}  # the least recently used first
        self._loader = Loader(catalog, device, dtype, tuning or Tuning(), memory_budget, self._make_room)
        self._contents: dict[str, tuple[str, ...]] = {}  # of the loaded models' entries when they were loaded
        self._used: dict[str, float] = {}  # when each loaded model last drew, in seconds of a clock that never jumps
        self._pipelines: dict[PipelineKey, SdxlPipeline] = {}  # with the prompts that they have read
        self._embeddings = Embeddings(catalog)
        self._wardrobe = Wardrobe()
        self.tools = Tools(catalog, device, dtype)
        self.tally = Tally()

    def sdxl(self, model_id: str) -> SdxlModel:
        """The model, loaded if it was not, and from now on the most recently used.

        Raises ModelUnknown, ModelNotInstalled, WeightsRefused, TaskRefused if it is of another kind, and OutOfMemory
        if it alone is more than the budget.
        """
        entry = self._catalog.get(model_id)
        if entry.kind not in DRAWING_KINDS:
            raise TaskRefused("This model does not draw; choose one of kind sdxl.", field="model")
        return cast(SdxlModel, self._current(entry, self._loader.sdxl))

    def controlnets(self, names: Sequence[str], model: SdxlModel) -> list[nn.Module]:
        """ControlNets for the model by their ids, loaded as `sdxl` loads, and as shared: one for all models.

        Raises what `planning.controlnet_named` raises, WeightsRefused where one does not fit, and OutOfMemory where
        they and the model are more than the budget.
        """
        kept = modules(model)
        for entry in [controlnet_named(self._catalog, name) for name in names]:
            net = self._current(entry, lambda entry: self._loader.controlnet(entry, model, kept))
            control_files.check_fits(net, model.unet)
            kept.append(net)
        return kept[len(modules(model)) :]

    def ip_adapters(self, names: Sequence[str], model: SdxlModel) -> list[IpAdapter]:
        """IP-Adapters for the model by their ids, loaded as `sdxl` loads, and as shared.

        Raises what `planning.installed.ip_adapter_named` raises, WeightsRefused where one does not fit, and OutOfMemory
        where one and the model are more than the budget.
        """
        adapters: list[IpAdapter] = []
        for entry in [ip_adapter_named(self._catalog, name) for name in names]:
            adapter = self._current(entry, lambda entry: self._loader.ip_adapter(entry, model))
            ip_files.check_fits(adapter, model.unet)
            adapters.append(adapter)
        return adapters

    def depth(self, image: Image.Image) -> Image.Image:
        """The depth map of a picture. Raises TaskRefused where no model for that is installed, and WeightsRefused."""
        return self.tools.depth()(image)

    def _current(self, entry: Model, load: Callable[[Model], Any]) -> Any:
        """The entry's model as its files are now, and from now on the most recently used."""
        content = tuple(needed.content for needed in self._catalog.needed(entry))
        if self._contents.get(entry.id, content) != content:
            self.unload(entry.id)  # its files are others by now
        model = self._models.pop(entry.id, None)
        if model is None:
            model = load(entry)
            self.tally.add(Counters(loads=1))
        self._models[entry.id], self._contents[entry.id] = model, content
        self._used[entry.id] = time.monotonic()
        return model

    def pipeline(
        self, model_id: str, loras: tuple[Lora, ...], vae: str | None = None, *, seamless: bool = False
    ) -> SdxlPipeline | FakePipeline:
        """What draws with the model, that set of LoRAs, and that VAE in place of its own.

        seamless: see `pipelines.sdxl.seamless`. Raises what that and `sdxl` raise.
        """
        entry = self._catalog.get(model_id)
        if entry.kind == "fake":
            return FakePipeline()
        model = self.sdxl(model_id)
        worn = [(lora_named(self._catalog, lora.name), lora.scale) for lora in loras]
        other = vae_named(self._catalog, vae) if vae else None
        outfit = tuple((lora.content, scale) for lora, scale in worn)
        key = (model_id, outfit, other.content if other else None, seamless)
        if key not in self._pipelines:
            while len(self._pipelines) >= MOST_PIPELINES:
                del self._pipelines[next(iter(self._pipelines))]
            if other:
                model = dataclasses.replace(model, vae=self._loader.vae(other, entry))
            self._pipelines[key] = self._dressed(model, worn, seamless=seamless)
        return self._pipelines[key]

    def _dressed(self, model: SdxlModel, worn: Sequence[tuple[Model, float]], *, seamless: bool) -> SdxlPipeline:
        """Raises WeightsRefused for a LoRA that cannot be worn. What wears them is the model itself, not its twin."""
        parts = {part: getattr(model, part) for part in LORA_PARTS}
        outfit = [(lora.content, scale, read_lora(self._loader.checked.file(lora), parts)) for lora, scale in worn]

        def wear() -> None:
            self._used[model.id] = time.monotonic()  # it is called before every tick
            self._wardrobe.wear(parts, outfit)

        drawing = seamless_twin(model) if seamless else model
        return SdxlPipeline(drawing, wear, self._embeddings, self, self.tally)

    def unload(self, model_id: str) -> None:
        """Forget the model, and give what only it used back to the device. Unknown and unloaded ids are ignored."""
        model = self._models.pop(model_id, None)
        self.tally.add(Counters(unloads=int(model is not None)))
        if isinstance(model, SdxlModel) and self._loader.parts.keeps:
            self._wardrobe.wear({part: getattr(model, part) for part in LORA_PARTS}, ())  # rows of it dress it again
            self._loader.parts.leave(modules(model))
        self._contents.pop(model_id, None)
        self._used.pop(model_id, None)
        self._pipelines = {key: pipeline for key, pipeline in self._pipelines.items() if key[0] != model_id}
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def unload_idle(self, seconds: float) -> None:
        """Unload the models that have drawn nothing for so long."""
        for model_id in [each for each, used in self._used.items() if time.monotonic() - used > seconds]:
            self.unload(model_id)

    def loaded(self) -> tuple[str, ...]:
        """The ids of the loaded models, the least recently used first."""
        return tuple(self._models)

    def _make_room(self, files: Iterable[Path], place: torch.device, kept: Sequence[nn.Module]) -> None:
        """Unload the least recently used until the parameters in `files` fit beside `kept` and what is left."""
        if self._budget is None or place != self._device:
            return
        needed = weight_bytes(files, self._dtype)
        if needed + _bytes(kept) > self._budget:
            raise OutOfMemory("The model is larger than the memory that it may use; raise the memory budget.")
        while needed + _bytes([*kept, *self._all_parts()]) > self._budget:
            self.unload(next(iter(self._models)))

    def _all_parts(self) -> list[nn.Module]:
        own = [part for model in self._models.values() for part in modules(model)]
        return [*own, *(pipeline.model.vae for pipeline in self._pipelines.values())]


def _bytes(modules: Iterable[nn.Module]) -> int:
    """What the parameters take, those that several modules share once, and nothing of what is streamed."""
    distinct = {id(each): each for module in modules if not is_streamed(module) for each in module.parameters()}
    return sum(tensor.numel() * tensor.element_size() for tensor in distinct.values())
