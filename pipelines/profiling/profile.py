"""What `darkroom profile` found out about a device: how long ticks take, and from how many rows on more gain nothing.

It is one JSON file a device. It holds for the weights that were measured, and no others.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import structlog
import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.catalog import Catalog, Model
from pipelines.engine.memory import Needs, Rendered

log = structlog.get_logger("profile")

ENOUGH = 0.95  # of the best rows a second


class Curve(BaseModel):
    """One model at one size. seconds: of a tick by its rows. height, width: in pixels, as the model draws them.

    weights: see `weights_digest`. row_bytes, picture_bytes: of memory beside the weights, 0 where nobody knows.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    weights: str
    height: int
    width: int
    seconds: Mapping[int, float]
    row_bytes: int
    picture_bytes: int

    @property
    def cap(self) -> int:
        return knee(self.seconds)


class Profile(BaseModel):
    """What was measured on one device."""

    model_config = ConfigDict(frozen=True)

    device: str
    curves: tuple[Curve, ...] = ()

    def that_hold(self, catalog: Catalog) -> "Profile":
        """Without the curves of models that are gone, or have other weights by now."""
        digests = {model.id: weights_digest(model) for model in catalog.models}
        kept = tuple(curve for curve in self.curves if digests.get(curve.model) == curve.weights)
        return self.model_copy(update={"curves": kept})

    def with_curve(self, curve: Curve) -> "Profile":
        """In the place of an older one of the same model and size."""
        kept = tuple(each for each in self.curves if _of(each) != _of(curve))
        return self.model_copy(update={"curves": (*kept, curve)})

    @property
    def caps(self) -> dict[Rendered, int]:
        return {_of(curve): curve.cap for curve in self.curves}

    @property
    def needs(self) -> dict[Rendered, Needs]:
        return {_of(curve): Needs(curve.row_bytes, curve.picture_bytes) for curve in self.curves}


def knee(seconds: Mapping[int, float]) -> int:
    """The fewest rows that give nearly the most rows a second: more of them only make ticks longer."""
    best = max(rows / each for rows, each in seconds.items())
    return min(rows for rows, each in seconds.items() if rows / each >= ENOUGH * best)


def weights_digest(model: Model) -> str:
    """Names a model's weights by what the catalogue says of its files: their sha256 where known, else the size."""
    lines = (f"{file.path} {file.sha256 or file.size}" for file in model.files)
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} with {torch.get_num_threads()} threads"


def read_profile(folder: Path, device: torch.device) -> Profile:
    """What was found out about the device; nothing, where there is no such file or it does not make sense."""
    name = device_name(device)
    path = _file(folder, name)
    if path.is_file():
        try:
            return Profile.model_validate_json(path.read_bytes())
        except ValidationError:
            log.warning("profile_unreadable", file=path.name)
    return Profile(device=name)


def write_profile(folder: Path, profile: Profile) -> Path:
    path = _file(folder, profile.device)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(profile.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return path


def _of(curve: Curve) -> Rendered:
    return curve.model, curve.height, curve.width


def _file(folder: Path, device: str) -> Path:
    return folder / "profiles" / f"{re.sub(r'[^a-z0-9]+', '-', device.lower()).strip('-')}.json"
