"""Models from their entries in the catalogue: files checked, parts that are loaded already shared, room made first."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias, cast

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
from diffusers import AutoencoderKL, ControlNetModel
from torch import nn

from pipelines.catalog import Catalog, Model
from pipelines.checked import Checked
from pipelines.engine.memory import must_stream
from pipelines.parts import PartKey, Parts
from pipelines.planning.installed import check_installed
from pipelines.sdxl import control_files, ip_files
from pipelines.sdxl.attention import let_look
from pipelines.sdxl.ip_adapter import IpAdapter
from pipelines.sdxl.loading import CONFIGS, PARTS, load_checkpoint, load_folder, load_vae, weight_file
from pipelines.sdxl.model import SdxlModel
from pipelines.sdxl.tuned import streamed, tuned, tuned_controlnet
from pipelines.tuning import Tuning
from pipelines.weights import check_safetensors

Loaded: TypeAlias = SdxlModel | ControlNetModel | IpAdapter
MakeRoom = Callable[[Iterable[Path], torch.device, Sequence[nn.Module]], None]


class Loader:
    """parts: those of all models. budget: as in Registry. make_room: for the weights in these files, in that place,
    beside parts that must stay.
    """

    def __init__(
        self,
        catalog: Catalog,
        device: torch.device,
        dtype: torch.dtype,
        tuning: Tuning,
        budget: int | None,
        make_room: MakeRoom,
    ) -> None:
        self._catalog, self._device, self._dtype, self._tuning = catalog, device, dtype, tuning
        self._budget, self._make_room = budget, make_room
        self.parts = Parts(device, tuning.host_cache)
        self.checked = Checked(catalog)

    def sdxl(self, entry: Model) -> SdxlModel:
        """Raises ModelNotInstalled, WeightsRefused, and what `make_room` raises; so do the others."""
        check_installed(self._catalog, entry)
        self.checked.files(entry)
        place = self._place(entry)
        model = self._read(entry, place)
        model = dataclasses.replace(model, scheduler={**model.scheduler, **entry.scheduler})
        ready = tuned(model, self._tuning) if place == self._device else streamed(model, self._tuning, self._device)
        let_look(ready.unet)
        return ready

    def vae(self, vae: Model, wearer: Model) -> AutoencoderKL:
        """The VAE, on the device, for the model that is to draw with it. Raises WeightsRefused."""
        configs = CONFIGS if len(wearer.files) == 1 else self._catalog.folder(wearer)
        key = ("vae", vae.content, (configs / "vae" / "config.json").read_text(encoding="utf-8"))
        found = self.parts.loaded(key)
        if found is None:
            found = load_vae(self.checked.file(vae), configs, self._device, self._dtype)
            if self._device.type == "cuda":
                found.to(memory_format=torch.channels_last)
            self.parts.add(key, found)
        return cast(AutoencoderKL, found)

    def controlnet(self, entry: Model, model: SdxlModel, kept: Sequence[nn.Module]) -> ControlNetModel:
        """kept: what must stay loaded."""
        files = self.checked.files(entry)
        place = self._place(entry)
        self._make_room(_weights(files), place, kept)
        path = files[0] if len(files) == 1 else self._catalog.folder(entry)
        net = control_files.load_controlnet(path, model.unet, place, self._dtype)
        return tuned_controlnet(net, self._tuning, self._device)

    def ip_adapter(self, entry: Model, model: SdxlModel) -> IpAdapter:
        """Where it does not fit beside the model it stays on the host: a task needs it once, not in every step."""
        files = self.checked.files(entry)
        place = self._place(entry)
        dtype = self._dtype if place == self._device else torch.float32
        self._make_room(_weights(files), place, modules(model))
        return ip_files.load_ip_adapter(*ip_files.adapter_and_encoder(files), model.unet, place, dtype)

    def _place(self, entry: Model) -> torch.device:
        """Where the model's weights go: to the device, or beside it where they have to be streamed."""
        needed = weight_bytes(_weights(self.checked.files(entry)), self._dtype)
        is_large = must_stream(self._tuning.memory, needed, self._budget)
        return torch.device("cpu") if is_large else self._device

    def _read(self, entry: Model, place: torch.device) -> SdxlModel:
        """Of parts that are loaded, of copies that wait on the host, and for the rest of its files."""
        sources = self._sources(entry)
        # What is found is held from here on, so that making room for the rest cannot take it away.
        parts = {part: found for part, (key, _) in sources.items() if (found := self.parts.loaded(key)) is not None}
        if entry.vae:
            parts["vae"] = self.vae(self._catalog.get(entry.vae), entry)
        absent = {part: source for part, source in sources.items() if part not in parts}
        kept = self.parts.on_host({part: key for part, (key, _) in absent.items()}) if place == self._device else {}
        files = {file for part, (_, file) in absent.items() if part not in kept}
        self._make_room(files, place, [*parts.values(), *kept.values()])
        parts |= {part: self.parts.returned(copy) for part, copy in kept.items()}
        model = self._assembled(entry, parts, place)
        for part, (key, _) in sources.items():
            self.parts.add(key, getattr(model, part))
        return model

    def _sources(self, entry: Model) -> dict[str, tuple[PartKey, Path]]:
        """Of each part that the entry's files have: what it is known by, and its file."""
        folder = self._catalog.folder(entry)
        own = [part for part in PARTS if not (part == "vae" and entry.vae)]
        if len(entry.files) == 1:
            return {part: ((part, entry.content, ""), folder / entry.files[0].path) for part in own}
        sha256 = {file.path: file.sha256 for file in entry.files}
        sources = {}
        for part in own:
            file = weight_file(folder / part)
            content = sha256.get(file.relative_to(folder).as_posix()) or f"{file.resolve()} {file.stat().st_mtime_ns}"
            sources[part] = ((part, content, (folder / part / "config.json").read_text(encoding="utf-8")), file)
        return sources

    def _assembled(self, entry: Model, parts: dict[str, nn.Module], place: torch.device) -> SdxlModel:
        folder = self._catalog.folder(entry)
        if len(entry.files) > 1:
            return load_folder(entry.id, folder, place, self._dtype, parts)
        file, lender = folder / entry.files[0].path, self._catalog.get(entry.tokenizers_from or entry.id)
        return load_checkpoint(entry.id, file, CONFIGS, self._catalog.folder(lender), place, self._dtype, parts)


def weight_bytes(files: Iterable[Path], dtype: torch.dtype) -> int:
    """What the weights in .safetensors files take as `dtype`, whatever they are stored as. Raises WeightsRefused."""
    return dtype.itemsize * sum(tensor.elements for file in files for tensor in check_safetensors(file).values())


def _weights(files: Iterable[Path]) -> list[Path]:
    return [file for file in files if file.suffix == ".safetensors"]


def modules(model: Loaded) -> list[nn.Module]:
    """All that has weights."""
    return [getattr(model, part) for part in PARTS] if isinstance(model, SdxlModel) else [model]
