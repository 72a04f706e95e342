"""What the memory of a device holds: which weights, how many rows of a tick, how many pictures decoded at once.

Measured bytes (see `profile`) are held against what is free, and what did not fit all the same is remembered.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from pipelines.engine.pipeline import Draft, Pad
from pipelines.engine.pool import PoolKey
from pipelines.engine.rows import Rows

QUIET_TICKS = 200  # that fit, after which more rows are tried again

Rendered = tuple[str, int, int]  # model, height and width in pixels


class Needs(NamedTuple):
    """Bytes beside the weights: for each row of a tick, for each picture that is decoded."""

    row: int
    picture: int


@dataclass(slots=True)
class Ceiling:
    """The rows of a tick: half of what did not fit, and twice as many again after a while without trouble.

    What filled the memory may be gone by then: another program, another model, a job that nothing could hold.
    """

    most: int
    rows: int
    quiet: int = 0

    def fell(self, rows: int) -> None:
        """So many did not fit."""
        self.rows, self.quiet = max(1, min(self.rows, rows // 2)), 0

    def held(self) -> None:
        self.quiet += 1
        if self.quiet >= QUIET_TICKS:
            self.rows, self.quiet = min(self.most, 2 * self.rows), 0


@dataclass(frozen=True, slots=True)
class Memory:
    """needs: by model and size, where they were measured. free: bytes to be had now; None where nobody knows."""

    rows: Rows
    needs: Mapping[Rendered, Needs] = field(default_factory=dict)
    free: Callable[[], int | None] = lambda: None
    _ceilings: dict[Rendered, Ceiling] = field(default_factory=dict, init=False)

    def most_rows(self, key: PoolKey) -> int:
        """Of the next tick of that pool."""
        return self._that_fit(self._ceiling(key).rows, key, lambda needs: needs.row)

    def most_decoded(self, key: PoolKey) -> int:
        return self._that_fit(self.rows.decoded, key, lambda needs: needs.picture)

    def pad(self, key: PoolKey) -> Pad | None:
        """Up to no more rows than fit, see `Rows.pad`."""
        return self.rows.pad(self.most_rows(key))

    @contextmanager
    def watch(self, key: PoolKey, drafts: Sequence[Draft]) -> Iterator[None]:
        """Around a tick of the drafts: learns how many rows fit. A draft that fails alone says nothing about others."""
        ceiling = self._ceiling(key)
        try:
            yield
        except torch.OutOfMemoryError:
            if len(drafts) > 1:
                ceiling.fell(sum(draft.rows for draft in drafts))
            raise
        ceiling.held()

    def _ceiling(self, key: PoolKey) -> Ceiling:
        """It outlives the pool, and holds for any LoRAs."""
        rendered = key.model, key.height, key.width
        if rendered not in self._ceilings:
            most = self.rows.most_of(key)
            self._ceilings[rendered] = Ceiling(most, most)
        return self._ceilings[rendered]

    def _that_fit(self, wanted: int, key: PoolKey, of: Callable[[Needs], int]) -> int:
        """At least one: whether that fits has to be tried, there is nothing smaller."""
        needs = self.needs.get((key.model, key.height, key.width))
        if needs is None or of(needs) == 0 or (free := self.free()) is None:
            return wanted
        return max(1, min(wanted, free // of(needs)))


def must_stream(mode: str, weights: int, budget: int | None) -> bool:
    """Whether a model's weights stay in the host's memory and only pass through the device. mode: see `Tuning`."""
    return mode == "low" or (budget is not None and weights > budget)
