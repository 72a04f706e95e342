"""What `darkroom profile` writes down: how long ticks take. No torch, so that the server can estimate by it."""

import hashlib
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict

from pipelines.catalog import Catalog, Model

ENOUGH = 0.95  # of the best rows a second
FOLDER = "profiles"  # in the data folder; a file a device


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


class Curves(BaseModel):
    """What was measured on one device."""

    model_config = ConfigDict(frozen=True)

    device: str
    curves: tuple[Curve, ...] = ()

    def that_hold(self, catalog: Catalog) -> Self:
        """Without the curves of models that are gone, or have other weights by now."""
        digests = {model.id: weights_digest(model) for model in catalog.models}
        kept = tuple(curve for curve in self.curves if digests.get(curve.model) == curve.weights)
        return self.model_copy(update={"curves": kept})


def knee(seconds: Mapping[int, float]) -> int:
    """The fewest rows that give nearly the most rows a second: more of them only make ticks longer."""
    best = max(rows / each for rows, each in seconds.items())
    return min(rows for rows, each in seconds.items() if rows / each >= ENOUGH * best)


def weights_digest(model: Model) -> str:
    """Names a model's weights by what the catalogue says of its files: their sha256 where known, else the size."""
    lines = (f"{file.path} {file.sha256 or file.size}" for file in model.files)
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
