"""How many rows a tick has: capped where more of them gain nothing, and padded to few different numbers on request."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.engine.pipeline import Pad
from pipelines.engine.pool import PoolKey

BUCKETS = (1, 2, 4, 6, 8, 12, 16, 24, 32)
# Where no profile says better: beyond this a row costs the same on two CPU cores, and long ticks make cancelling slow.
MOST_ROWS = 16
MOST_DECODED = 4  # the VAE takes far more memory for a picture than a tick does


@dataclass(frozen=True, slots=True)
class Rows:
    """caps: the most rows of a tick by (model, height, width), learnt by `darkroom profile`; most: of all others.

    bucketed: pad to the next of BUCKETS, so that compiled kernels and CUDA graphs are few. deterministic: always pad to
    the most rows: a picture is then the same bits at any load, for the price of the padding.
    """

    caps: Mapping[tuple[str, int, int], int] = field(default_factory=dict)
    most: int = MOST_ROWS
    bucketed: bool = False
    deterministic: bool = False

    def most_of(self, key: PoolKey) -> int:
        return self.caps.get((key.model, key.height, key.width), self.most)

    @property
    def decoded(self) -> int:
        """How many pictures are decoded at once."""
        return 1 if self.deterministic else MOST_DECODED

    def pad(self, most: int) -> Pad | None:
        """From the rows of a tick to those that the model is given; None is as they are. most: so many fit."""
        if self.deterministic:
            return lambda rows: max(rows, most)
        if self.bucketed:
            return lambda rows: next((bucket for bucket in BUCKETS if rows <= bucket <= most), rows)
        return None
