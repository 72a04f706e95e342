"""What the engine asks of every kind of model that draws step by step, and what a picture is while it is drawn."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from numpy import uint8
from numpy.typing import NDArray

from pipelines.canvas import Canvas
from pipelines.tasks import Drawing, Raster


class Draft(Protocol):
    """One picture of a job while it is drawn.

    step: calls of the model behind it, of `steps` in all. rows: what it takes of the next tick. numbers: of its
    latent, the measure of what a row costs.
    """

    job_id: str
    seed: int
    step: int

    @property
    def steps(self) -> int: ...

    @property
    def rows(self) -> int: ...

    @property
    def numbers(self) -> int: ...

    @property
    def is_done(self) -> bool: ...


SomeDraft = TypeVar("SomeDraft", bound=Draft)
Pad = Callable[[int], int]  # from the rows that a forward pass needs to those that it is given, see `rows`


class Pipeline(Protocol[SomeDraft]):
    """The code that runs models of one kind, with the model that it runs."""

    def calls(self, task: Drawing) -> int:
        """How many steps each draft of the task will have. Raises TaskRefused."""
        ...

    def drafts(self, job_id: str, task: Drawing, canvas: Canvas) -> list[SomeDraft]:
        """One for each picture of the task, in the order of their seeds. Raises TaskRefused."""
        ...

    def tick(self, drafts: Sequence[SomeDraft], pad: Pad | None) -> None:
        """Move every draft one step on, or none of them where it raises."""
        ...

    def decode(self, drafts: Sequence[SomeDraft]) -> list[NDArray[uint8]]:
        """The pictures of finished drafts, (height, width, 3) each. Raises DrawingFailed for one that is none."""
        ...

    def preview(self, draft: SomeDraft) -> Raster:
        """What the draft looks like so far, small."""
        ...
