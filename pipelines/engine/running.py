"""A job inside the engine: its pieces, one a result, and how far they are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pipelines.engine.pipeline import Draft, Pipeline
from pipelines.engine.pool import PoolKey
from pipelines.engine.protocol import Terms
from pipelines.tasks import Facts, Picture, Task


@dataclass(frozen=True, slots=True)
class Made:
    """A result: a picture, what is to be said, or both."""

    picture: Picture | None = None
    facts: Facts | None = None


Finish = Callable[[Draft, Any], Made | Task]
Join = Callable[[list[Made]], list[Made]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task, or what follows a part of it, ready to be done. calls: of the model a draft, with all that follows.

    finish: from what the pipeline decoded of a draft to its result, or to the task that is to be done with that next.
    join: from the results of all drafts to those of the job.
    """

    key: PoolKey
    pipeline: Pipeline[Any]
    drafts: list[Any]
    calls: int
    finish: Finish
    join: Join = list


@dataclass(frozen=True, slots=True)
class Order:
    """A job as it was submitted. number: how many came before it; since: seconds of the engine's clock."""

    job_id: str
    task: Task
    terms: Terms
    number: int
    since: float


@dataclass(slots=True, eq=False)  # a piece is itself alone
class Piece:
    """One result of a job. behind: calls of the model in passes that are over."""

    draft: Draft
    finish: Finish
    pool: PoolKey
    behind: int = 0
    made: Made | None = None


@dataclass(slots=True)
class Running:
    """calls: of the model for each piece, in all passes. reported: the progress that was last told."""

    order: Order
    calls: int
    join: Join
    pieces: list[Piece] = field(default_factory=list)
    reported: int = 0

    @property
    def progress(self) -> int:
        """Calls of the model that the pieces have behind them on average."""
        return sum(piece.behind + piece.draft.step for piece in self.pieces) // len(self.pieces)

    @property
    def rows(self) -> int:
        return sum(piece.draft.rows for piece in self.pieces if piece.made is None)

    @property
    def made(self) -> list[Made]:
        """The results so far, in the order of their seeds."""
        return [piece.made for piece in self.pieces if piece.made is not None]

    @property
    def is_finished(self) -> bool:
        return len(self.made) == len(self.pieces)

    def piece_of(self, draft: Draft) -> Piece:
        return next(piece for piece in self.pieces if piece.draft is draft)
