"""Work on many drafts at once that goes wrong is done again on halves of them, until the guilty one stands alone.

This is the ladder for a full memory, and what keeps one bad draft from failing its neighbours.
"""

import gc
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from pipelines.engine.pipeline import Draft

Result = TypeVar("Result")
Blame = tuple[Draft, Exception]


def in_pieces(
    drafts: Sequence[Draft], work: Callable[[Sequence[Draft]], Sequence[Result]]
) -> tuple[list[tuple[Draft, Result]], list[Blame]]:
    """`work` gives one result a draft. Returns the drafts that it worked for with theirs, and who failed by what.

    Raises what `work` raised where the device itself is lost: then nothing more can be done in this process.
    """
    try:
        return list(zip(drafts, work(drafts), strict=True)), []
    except Exception as error:
        if device_is_lost(error):
            raise
        failure = error.with_traceback(None)  # its frames would hold on to the memory that is wanted back
    if isinstance(failure, torch.OutOfMemoryError):
        give_back_memory()
    if len(drafts) == 1:
        return [], [(drafts[0], failure)]
    half = len(drafts) // 2
    first, first_blame = in_pieces(drafts[:half], work)
    second, second_blame = in_pieces(drafts[half:], work)
    return first + second, first_blame + second_blame


def device_is_lost(error: Exception) -> bool:
    """Whether CUDA has answered with an error that every later call in this process will get too."""
    accelerator_error = getattr(torch, "AcceleratorError", ())
    return isinstance(error, accelerator_error) or (isinstance(error, RuntimeError) and "CUDA error" in str(error))


def give_back_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
