"""The memory of the device decides how many rows a tick has, and what did not fit is remembered for a while."""

from dataclasses import replace

import pytest
import torch

from pipelines.catalog import Catalog
from pipelines.engine.loop import Engine
from pipelines.engine.memory import QUIET_TICKS, Ceiling, Memory, Needs, must_stream
from pipelines.engine.pool import PoolKey
from pipelines.engine.protocol import Event, Finished
from pipelines.engine.rows import Rows
from pipelines.planning import text_to_image
from pipelines.registry import Registry
from pipelines.tasks import Lora
from tests.pipelines.engine.test_pieces import Drawn

KEY = PoolKey("tiny", (), 64, 64)
RENDERED = ("tiny", 64, 64)


def failing_tick(memory: Memory, drafts: int, key: PoolKey = KEY) -> None:
    with pytest.raises(torch.OutOfMemoryError), memory.watch(key, [Drawn(str(index)) for index in range(drafts)]):
        raise torch.OutOfMemoryError("no room")


@pytest.mark.parametrize(
    ("free", "rows"),
    [(None, 16), (10_000, 16), (1_000, 10), (150, 1), (0, 1)],
    ids=["nobody knows", "plenty", "some", "one row's", "none"],
)
def test_no_more_rows_are_admitted_than_free_memory_holds(free: int | None, rows: int) -> None:
    memory = Memory(Rows(most=16), {RENDERED: Needs(row=100, picture=0)}, lambda: free)
    assert memory.most_rows(KEY) == rows


def test_rows_are_filled_up_to_a_bucket_only_as_far_as_they_fit() -> None:
    pad = Memory(Rows(bucketed=True), {RENDERED: Needs(row=100, picture=0)}, lambda: 550).pad(KEY)
    assert pad is not None
    assert [pad(rows) for rows in range(1, 6)] == [1, 2, 4, 4, 5]


def test_what_was_never_measured_is_held_back_by_nothing() -> None:
    assert Memory(Rows(most=16), {}, lambda: 0).most_rows(KEY) == 16


def test_pictures_are_decoded_together_as_far_as_they_fit() -> None:
    memory = Memory(Rows(), {RENDERED: Needs(row=0, picture=100)}, lambda: 250)
    assert memory.most_decoded(KEY) == 2


def test_what_did_not_fit_is_not_tried_again_with_other_loras() -> None:
    memory = Memory(Rows(most=16))
    failing_tick(memory, drafts=12)
    assert memory.most_rows(KEY._replace(loras=(Lora("striped"),))) == 6
    assert memory.most_rows(KEY._replace(height=128)) == 16


def test_a_draft_that_fails_alone_takes_no_room_from_others() -> None:
    memory = Memory(Rows(most=16))
    failing_tick(memory, drafts=1)
    assert memory.most_rows(KEY) == 16


def test_a_ceiling_rises_again_when_the_trouble_is_over() -> None:
    ceiling = Ceiling(most=16, rows=16)
    ceiling.fell(12)
    seen = []
    for _ in range(3 * QUIET_TICKS):
        seen.append(ceiling.rows)
        ceiling.held()
    assert sorted(set(seen)) == [6, 12, 16]


@pytest.mark.parametrize(
    ("mode", "budget", "streams"),
    [("low", None, True), ("low", 100, True), ("auto", None, False), ("auto", 100, False), ("auto", 6, True)],
    ids=["asked for", "asked for, with room", "no limit", "room", "no room"],
)
def test_weights_are_streamed_where_they_would_not_fit(mode: str, budget: int | None, streams: bool) -> None:
    assert must_stream(mode, weights=7, budget=budget) == streams


class Card:
    """A device on which a tick of more than `room` rows runs out of memory. rows: of all calls of the UNet so far."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.rows: list[int] = []

    def answer(self, plain):  # type: ignore[no-untyped-def]
        def answer(inputs):  # type: ignore[no-untyped-def]
            self.rows.append(len(inputs.latents))
            if len(inputs.latents) > self.room:
                raise torch.OutOfMemoryError("no room")
            return plain(inputs)

        return answer


@pytest.mark.parametrize(
    "rows", [Rows(), Rows(bucketed=True), Rows(deterministic=True)], ids=["as they are", "in buckets", "deterministic"]
)
def test_a_full_memory_costs_no_job_and_is_met_in_one_tick_only(
    catalog: Catalog, registry: Registry, rows: Rows
) -> None:
    card = Card(room=4)
    model = registry.sdxl("tiny")
    registry._models["tiny"] = replace(model, answer=card.answer(model.answer))
    told: list[Event] = []
    engine = Engine(catalog, registry, told.append, Memory(rows))
    for index in range(6):
        task = text_to_image(catalog, model="tiny", prompt="a star", width=64, height=64, steps=4, seed=index)
        engine.submit(str(index), task)
    engine.turn()
    assert max(card.rows) > card.room
    card.rows.clear()
    while engine.turn():
        pass
    assert max(card.rows) <= card.room
    assert sum(isinstance(event, Finished) for event in told) == 6
