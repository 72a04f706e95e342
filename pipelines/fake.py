"""The kind `fake`: draws flat colours, and obeys prompts that ask for trouble, so that faults can be had anywhere."""

import hashlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy import uint8
from numpy.typing import NDArray

from pipelines.canvas import Canvas
from pipelines.engine.pipeline import Pad
from pipelines.tasks import Drawing, Raster

TICK_SECONDS = 0.01  # long enough for a job to be met on its way
FAULTY_STEP = 1  # the second: by then the draft has company that started with it


@dataclass(slots=True)
class FakeDraft:
    """See `pipelines.engine.pipeline.Draft`. height, width: pixels."""

    job_id: str
    seed: int
    prompt: str
    steps: int
    height: int
    width: int
    step: int = 0
    rows: int = 1

    @property
    def numbers(self) -> int:
        return self.height * self.width // 16  # as SDXL: 4 for 8 x 8 pixels

    @property
    def is_done(self) -> bool:
        return self.step == self.steps


class FakePipeline:
    """See `pipelines.engine.pipeline.Pipeline`."""

    def calls(self, task: Drawing) -> int:
        return task.steps

    def drafts(self, job_id: str, task: Drawing, canvas: Canvas) -> list[FakeDraft]:
        height, width = canvas.size.render_height, canvas.size.render_width
        seeds = range(task.seed, task.seed + task.count)
        return [FakeDraft(job_id, seed, task.prompt, task.steps, height, width) for seed in seeds]

    def tick(self, drafts: Sequence[FakeDraft], pad: Pad | None) -> None:
        for draft in drafts:
            if draft.prompt in FAULTS and draft.step == FAULTY_STEP:
                FAULTS[draft.prompt]()
        time.sleep(TICK_SECONDS)
        for draft in drafts:
            draft.step += 1

    def decode(self, drafts: Sequence[FakeDraft]) -> list[NDArray[uint8]]:
        return [np.full((draft.height, draft.width, 3), flat_colour(draft.seed), uint8) for draft in drafts]

    def preview(self, draft: FakeDraft) -> Raster:
        return Raster(1, 1, bytes(flat_colour(draft.seed)))


def flat_colour(seed: int) -> tuple[int, int, int]:
    """The RGB that a seed stands for."""
    red, green, blue = hashlib.sha256(str(seed).encode()).digest()[:3]
    return red, green, blue


def run_out_of_memory() -> None:
    raise torch.OutOfMemoryError("a prompt asked for it")


def poison() -> None:
    """As when a kernel met an assertion: every later call would raise this too."""
    raise torch.AcceleratorError("CUDA error: a prompt asked for it")


def hang() -> None:
    while True:
        time.sleep(60)


FAULTS: Mapping[str, Callable[[], None]] = {
    "!oom": run_out_of_memory,
    "!poison": poison,
    "!hang": hang,
    "!segv": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "!exit": lambda: os._exit(1),
}
