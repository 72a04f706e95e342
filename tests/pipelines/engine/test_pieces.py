"""What goes wrong for many at once is done again in smaller parts, and only the guilty one is blamed."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch

from pipelines.engine.pieces import in_pieces
from pipelines.engine.pool import PoolKey
from pipelines.engine.rows import BUCKETS, MOST_ROWS, Rows

KEY = PoolKey("any", (), 64, 64)


@dataclass
class Drawn:
    """The least that a draft is."""

    job_id: str
    seed: int = 0
    step: int = 0
    steps: int = 1
    rows: int = 1
    numbers: int = 1
    is_done: bool = False


class Allocator:
    """Work that has room for so many drafts at once."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.asked: list[int] = []

    def work(self, drafts: Sequence[Drawn]) -> list[str]:
        self.asked.append(len(drafts))
        if len(drafts) > self.room:
            raise torch.OutOfMemoryError("no room")
        return [draft.job_id for draft in drafts]


def drafts(count: int) -> list[Drawn]:
    return [Drawn(str(index)) for index in range(count)]


@pytest.mark.parametrize("room", [1, 3, 8])
def test_a_full_memory_makes_the_parts_smaller_until_they_fit(room: int) -> None:
    allocator = Allocator(room)
    done, blamed = in_pieces(drafts(8), allocator.work)
    assert [(draft.job_id, result) for draft, result in done] == [(str(index), str(index)) for index in range(8)]
    assert blamed == []
    assert allocator.asked[-1] <= room


def test_where_not_even_one_fits_each_fails_for_itself() -> None:
    done, blamed = in_pieces(drafts(2), Allocator(0).work)
    assert done == []
    assert [(draft.job_id, type(error)) for draft, error in blamed] == [
        ("0", torch.OutOfMemoryError),
        ("1", torch.OutOfMemoryError),
    ]


def test_one_bad_draft_fails_alone() -> None:
    def work(together: Sequence[Drawn]) -> list[str]:
        if any(draft.job_id == "5" for draft in together):
            raise ValueError("bad")
        return [draft.job_id for draft in together]

    done, blamed = in_pieces(drafts(8), work)
    assert [draft.job_id for draft, _ in done] == ["0", "1", "2", "3", "4", "6", "7"]
    assert [draft.job_id for draft, _ in blamed] == ["5"]


def test_a_lost_device_is_nobodys_fault() -> None:
    def work(together: Sequence[Drawn]) -> list[str]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="CUDA error"):
        in_pieces(drafts(4), work)


@pytest.mark.parametrize(
    ("rows", "given"),
    [
        (Rows(), None),
        (Rows(bucketed=True), [1, 2, 4, 4, 6, 6, 8, 8, 12]),
        (Rows(deterministic=True), [MOST_ROWS] * 9),
        (Rows(deterministic=True, caps={("any", 64, 64): 4}), [4, 4, 4, 4, 5, 6, 7, 8, 9]),
    ],
    ids=["as they are", "in buckets", "always the most", "always the cap"],
)
def test_rows_are_padded_to_few_numbers(rows: Rows, given: list[int] | None) -> None:
    pad = rows.pad(rows.most_of(KEY))
    assert (pad and [pad(needed) for needed in range(1, 10)]) == given


def test_the_most_rows_fill_a_bucket() -> None:
    assert MOST_ROWS in BUCKETS
