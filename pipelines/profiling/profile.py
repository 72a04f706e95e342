"""What `darkroom profile` found out about a device: how long ticks take, and from how many rows on more gain nothing.

It is one JSON file a device. It holds for the weights that were measured, and no others.
"""

import re
from pathlib import Path

import structlog
import torch
from pydantic import ValidationError

from pipelines.engine.memory import Needs, Rendered
from pipelines.profiling.curves import FOLDER, Curve, Curves

log = structlog.get_logger("profile")


class Profile(Curves):
    """What was measured on one device, and what the engine makes of it."""

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
    return folder / FOLDER / f"{re.sub(r'[^a-z0-9]+', '-', device.lower()).strip('-')}.json"
