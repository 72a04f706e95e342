"""A Pool: the drafts that may share a tick, because they have the same weights and the same latent size."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from pipelines.sdxl.denoise import decode, tick
from pipelines.sdxl.draft import Draft
from pipelines.sdxl.model import SdxlModel

PoolKey = tuple[str, int, int]  # model id, render height, render width


@dataclass(slots=True)
class Pool:
    """work: rows times latent numbers so far; the pool with the least of it has the next turn."""

    model: SdxlModel
    work: float
    drafts: list[Draft] = field(default_factory=list)

    def add(self, drafts: Sequence[Draft]) -> None:
        self.drafts += drafts

    def remove(self, job_id: str) -> None:
        self.drafts = [draft for draft in self.drafts if draft.job_id != job_id]

    def front(self, max_rows: int) -> list[Draft]:
        """The oldest drafts, as many as fit in `max_rows` rows, but at least one."""
        rows, front = 0, list[Draft]()
        for draft in self.drafts:
            rows += draft.rows
            if front and rows > max_rows:
                break
            front.append(draft)
        return front

    def tick(self, front: Sequence[Draft]) -> None:
        self.work += sum(draft.rows * draft.latent.numel() for draft in front)
        tick(self.model, front)

    def take_finished(self) -> list[Draft]:
        """Remove and return the drafts whose steps are all done."""
        finished = [draft for draft in self.drafts if draft.is_done]
        self.drafts = [draft for draft in self.drafts if not draft.is_done]
        return finished

    def decode(self, drafts: Sequence[Draft]) -> list[Tensor]:
        """Each draft's picture: (height, width, 3) uint8 on the CPU."""
        return list(decode(self.model, drafts)) if drafts else []
