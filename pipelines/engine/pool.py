"""A Pool: the drafts that may share a tick, because they have the same weights and the same latent size."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pipelines.engine.pipeline import Draft, Pipeline
from pipelines.tasks import Lora


class PoolKey(NamedTuple):
    """What drafts must have in common. height, width: those that the model draws, in pixels."""

    model: str
    loras: tuple[Lora, ...]
    height: int
    width: int
    vae: str | None = None
    seamless: bool = False


@dataclass(slots=True)
class Pool:
    """work: rows times latent numbers so far."""

    key: PoolKey
    pipeline: Pipeline[Any]
    work: float
    drafts: list[Draft] = field(default_factory=list)

    def remove(self, job_id: str) -> None:
        self.drafts = [draft for draft in self.drafts if draft.job_id != job_id]

    def take_finished(self) -> list[Draft]:
        """Remove and return the drafts whose steps are all done."""
        finished = [draft for draft in self.drafts if draft.is_done]
        self.drafts = [draft for draft in self.drafts if not draft.is_done]
        return finished


def front(drafts: Sequence[Draft], most_rows: int) -> list[Draft]:
    """The first drafts, as many as fit in `most_rows` rows, but at least one."""
    rows, chosen = 0, list[Draft]()
    for draft in drafts:
        rows += draft.rows
        if chosen and rows > most_rows:
            break
        chosen.append(draft)
    return chosen
