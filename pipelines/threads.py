"""How many threads compute on the host."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """One: how a product is split among several goes by its shape, by the processor and by where its numbers lie, and
    so do its last bits. (Seen with MKL on AMD's processors: 1 level of 255.)
    """
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)
