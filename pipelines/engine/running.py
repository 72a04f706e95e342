"""A job inside the engine: its pieces, one a picture, and how far they are."""

from dataclasses import dataclass, field

from pipelines.canvas import Canvas
from pipelines.engine.pipeline import Draft
from pipelines.engine.pool import PoolKey
from pipelines.engine.protocol import Terms
from pipelines.tasks import Drawing, Picture


@dataclass(frozen=True, slots=True)
class Order:
    """A job as it was submitted. number: how many came before it; since: seconds of the engine's clock."""

    job_id: str
    task: Drawing
    terms: Terms
    number: int
    since: float


@dataclass(slots=True)
class Piece:
    """One picture of a job. behind: calls of the model in passes that are over."""

    index: int
    draft: Draft
    canvas: Canvas
    pool: PoolKey
    behind: int = 0
    picture: Picture | None = None


@dataclass(slots=True)
class Running:
    """calls: of the model for each piece, in all passes. reported: the progress that was last told."""

    order: Order
    calls: int
    pieces: list[Piece] = field(default_factory=list)
    reported: int = 0

    @property
    def progress(self) -> int:
        """Calls of the model that every piece has behind it."""
        return min(piece.behind + piece.draft.step for piece in self.pieces)

    @property
    def rows(self) -> int:
        return sum(piece.draft.rows for piece in self.pieces if piece.picture is None)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Those that are finished, in the order of their seeds."""
        return tuple(piece.picture for piece in self.pieces if piece.picture is not None)

    @property
    def is_finished(self) -> bool:
        return len(self.pictures) == len(self.pieces)

    def piece_of(self, draft: Draft) -> Piece:
        return next(piece for piece in self.pieces if piece.draft is draft)
