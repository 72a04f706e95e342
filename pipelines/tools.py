"""The networks that work on given pictures, by the names of their models: loaded on demand, the least used forgotten.

They are small beside the models that draw, a gigabyte at most, so they are counted and not weighed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch

from pipelines.catalog import Catalog, Kind, Model
from pipelines.checked import Checked
from pipelines.depth import DepthModel, load_depth
from pipelines.describing.captions import Captioner, load_captioner
from pipelines.describing.objects import ObjectDetector, load_object_detector
from pipelines.describing.scores import AestheticScorer, SafetyScorer, load_aesthetic_scorer, load_safety_scorer
from pipelines.faces.detection import Detector, load_detector
from pipelines.faces.restoration import Restorer, load_restorer
from pipelines.matting.network import MattingNetwork, load_matting
from pipelines.planning.installed import check_installed, depth_model, first_installed
from pipelines.segment import Segmenter, load_segmenter
from pipelines.upscale.network import Upscaler, load_upscaler

MOST_LOADED = 8  # a description takes five

T = TypeVar("T")
Load = Callable[[Path, torch.device, torch.dtype], Any]


@dataclass(frozen=True, slots=True)
class Describers:
    """What says something of a picture; None where none of its kind is installed."""

    faces: Detector
    objects: ObjectDetector | None
    caption: Captioner | None
    safety: SafetyScorer | None
    aesthetic: AestheticScorer | None


class Tools:
    """One thread uses it. What it has forgotten lives on while somebody holds it."""

    def __init__(self, catalog: Catalog, device: torch.device, dtype: torch.dtype) -> None:
        self._catalog, self._device, self._dtype = catalog, device, dtype
        self._checked = Checked(catalog)
        self._loaded: dict[str, Any] = {}  # by what they are made of, the least recently used first

    def upscaler(self, name: str) -> Upscaler:
        """Raises ModelUnknown, ModelNotInstalled and WeightsRefused."""
        upscaler: Upscaler = self._tool(self._catalog.get(name), load_upscaler)
        return upscaler

    def depth(self) -> DepthModel:
        """The first installed one. Raises TaskRefused where none is, and WeightsRefused."""
        depth: DepthModel = self._tool(depth_model(self._catalog), load_depth)
        return depth

    def matting(self, name: str) -> MattingNetwork:
        """Raises ModelUnknown, ModelNotInstalled and WeightsRefused."""
        network: MattingNetwork = self._tool(self._catalog.get(name), _matting)
        return network

    def segmenter(self, name: str) -> Segmenter:
        """Raises ModelUnknown, ModelNotInstalled and WeightsRefused."""
        segmenter: Segmenter = self._tool(self._catalog.get(name), load_segmenter)
        return segmenter

    def face_restorer(self, name: str) -> Restorer:
        """Raises ModelUnknown, ModelNotInstalled and WeightsRefused."""
        restorer: Restorer = self._tool(self._catalog.get(name), load_restorer)
        return restorer

    def face_detector(self) -> Detector:
        """The first installed one, or the Haar cascade, which needs no file. Raises WeightsRefused."""
        return self._first("face-detector", _yunet) or self._haar

    def describers(self) -> Describers:
        """All that are installed. Raises WeightsRefused."""
        return Describers(
            self.face_detector(),
            self._first("detector", load_object_detector),
            self._first("captioner", load_captioner),
            self._first("safety-scorer", load_safety_scorer),
            self._first("aesthetic-scorer", load_aesthetic_scorer),
        )

    @cached_property
    def _haar(self) -> Detector:
        return load_detector(None)

    def _first(self, kind: Kind, load: Callable[[Path, torch.device, torch.dtype], T]) -> T | None:
        """What serves where it is installed; None where none of its kind is."""
        entry = first_installed(self._catalog, kind)
        found: T | None = self._tool(entry, load) if entry else None
        return found

    def _tool(self, entry: Model, load: Load) -> Any:
        """What `load` makes of the entry's only file, or of its folder where there are several."""
        check_installed(self._catalog, entry)
        tool = self._loaded.pop(entry.content, None) or load(self._path(entry), self._device, self._dtype)
        self._loaded[entry.content] = tool
        while len(self._loaded) > MOST_LOADED:
            del self._loaded[next(iter(self._loaded))]
        return tool

    def _path(self, entry: Model) -> Path:
        paths = self._checked.files(entry)
        return paths[0] if len(paths) == 1 else self._catalog.folder(entry)


def _matting(file: Path, device: torch.device, dtype: torch.dtype) -> MattingNetwork:
    """Its file says in which precision it computes."""
    return load_matting(file, device)


def _yunet(file: Path, device: torch.device, dtype: torch.dtype) -> Detector:
    """OpenCV runs it, on the host."""
    return load_detector(file)
