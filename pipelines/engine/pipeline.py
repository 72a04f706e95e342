"""What the engine asks of every kind of model that draws step by step, and what a result is while it is made."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from pipelines.tasks import Raster


class Draft(Protocol):
    """One result of a job while it is made.

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


SomeDraft = TypeVar("SomeDraft", bound=Draft, contravariant=True)
Pad = Callable[[int], int]  # from the rows that a forward pass needs to those that it is given, see `rows`


class Pipeline(Protocol[SomeDraft]):
    """The code that runs models of one kind, with the model that it runs."""

    def tick(self, drafts: Sequence[SomeDraft], pad: Pad | None) -> None:
        """Move every draft one step on, or none of them where it raises."""
        ...

    def decode(self, drafts: Sequence[SomeDraft]) -> Sequence[Any]:
        """What became of finished drafts, one each, for `Prepared.finish`. Raises DrawingFailed."""
        ...

    def preview(self, draft: SomeDraft) -> Raster | None:
        """What the draft looks like so far, small; None where that cannot be said."""
        ...
