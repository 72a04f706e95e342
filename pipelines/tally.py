"""What is counted while drawing: by the thread that draws, for whoever asks."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pipelines.counters import Counters


class Tally:
    """counters: whole at any moment, from any thread, because each one is made anew. Only one thread counts."""

    def __init__(self) -> None:
        self.counters = Counters()

    def add(self, more: Counters) -> None:
        self.counters += more

    @contextmanager
    def out_of_memory(self) -> Iterator[None]:
        """Around work: counts when it does not fit, and lets the error pass."""
        try:
            yield
        except torch.OutOfMemoryError:
            self.add(Counters(out_of_memory=1))
            raise
