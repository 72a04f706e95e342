"""Work on given pictures that is done at once: on the host, or by a network that takes several of them together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.engine.pipeline import Pad
from pipelines.tasks import Raster

Run = Callable[[Sequence[Any]], Sequence[Any]]  # from subjects to results, one each


@dataclass(slots=True)
class OneShot:
    """See `pipelines.engine.pipeline.Draft`. subject: what is worked on, as the pipeline's `run` takes it.

    pixels: of the picture. rows: so many that few share a tick, which holds up all others.
    """

    job_id: str
    subject: Any
    pixels: int
    seed: int = 0
    step: int = 0
    steps: int = 1
    rows: int = 4
    result: Any = None

    @property
    def numbers(self) -> int:
        return max(1, self.pixels // 64)  # as a latent of SDXL has

    @property
    def is_done(self) -> bool:
        return self.step == self.steps


class OneShotPipeline:
    """See `pipelines.engine.pipeline.Pipeline`."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def tick(self, drafts: Sequence[OneShot], pad: Pad | None) -> None:
        results = self._run([draft.subject for draft in drafts])
        for draft, result in zip(drafts, results, strict=True):
            draft.result, draft.step = result, 1

    def decode(self, drafts: Sequence[OneShot]) -> list[Any]:
        return [draft.result for draft in drafts]

    def preview(self, draft: OneShot) -> Raster | None:
        return None


def in_turn(subjects: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each subject gives when it is called: a `run` for work that gains nothing from company."""
    return [subject() for subject in subjects]
