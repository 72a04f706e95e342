"""Work on a picture that is done at once, on the host, in company with what is drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.engine.pipeline import Pad
from pipelines.engine.running import Made
from pipelines.tasks import Raster

Work = Callable[[], Made]


@dataclass(slots=True)
class OneShot:
    """See `pipelines.engine.pipeline.Draft`.

    pixels: of the picture that is worked on. rows: so many that few share a tick, which holds up all others.
    """

    job_id: str
    work: Work
    pixels: int
    seed: int = 0
    step: int = 0
    steps: int = 1
    rows: int = 4
    made: Made | None = None

    @property
    def numbers(self) -> int:
        return max(1, self.pixels // 64)  # as a latent of SDXL has

    @property
    def is_done(self) -> bool:
        return self.made is not None


class OneShotPipeline:
    """See `pipelines.engine.pipeline.Pipeline`."""

    def tick(self, drafts: Sequence[OneShot], pad: Pad | None) -> None:
        results = [draft.work() for draft in drafts]
        for draft, made in zip(drafts, results, strict=True):
            draft.made, draft.step = made, 1

    def decode(self, drafts: Sequence[OneShot]) -> list[Made | None]:
        return [draft.made for draft in drafts]

    def preview(self, draft: OneShot) -> Raster | None:
        return None
