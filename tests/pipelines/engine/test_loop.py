"""The engine's promises, on a tiny SDXL with random weights."""

from dataclasses import replace
from random import Random

import pytest
import torch
from torch import Tensor

from pipelines.catalog import Catalog
from pipelines.drain import draw
from pipelines.engine.loop import MAX_ADMITTED_ROWS
from pipelines.engine.protocol import Cancelled, Failed, Finished, Progressed, Started
from pipelines.planning import inpaint, text_to_image
from pipelines.registry import Registry
from pipelines.sdxl.draft import Original
from pipelines.tasks import TextToImage, Variation
from tests.pipelines.engine.company import Listening, farthest, random_mask, random_picture


def task(catalog: Catalog, **changes: object) -> TextToImage:
    plain = text_to_image(catalog, model="tiny", prompt="a red star", width=64, height=64, steps=4, seed=1)
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture
def listening(catalog: Catalog, registry: Registry) -> Listening:
    return Listening(catalog, registry)


def test_picture_i_of_a_job_is_the_picture_of_seed_plus_i(catalog: Catalog, registry: Registry) -> None:
    (three,) = draw(catalog, registry, [task(catalog, seed=5, count=3)])
    (last,) = draw(catalog, registry, [task(catalog, seed=7)])[0]
    assert [picture.seed for picture in three] == [5, 6, 7]
    assert farthest(three[2], last) <= 1
    assert farthest(three[0], three[1]) > 1


@pytest.mark.parametrize(
    "changes",
    [{"prompt": "a blue ring"}, {"negative_prompt": "blue"}, {"seed": 2}, {"steps": 7}, {"guidance_scale": 9.0}],
    ids=lambda changes: next(iter(changes)),
)
def test_each_field_changes_the_picture(catalog: Catalog, registry: Registry, changes: dict[str, object]) -> None:
    (plain,), (changed,) = draw(catalog, registry, [task(catalog), task(catalog, **changes)])
    assert farthest(plain, changed) > 1


def test_noise_between_a_seed_and_itself_is_that_of_the_seed(catalog: Catalog, registry: Registry) -> None:
    (plain,), (varied,) = draw(catalog, registry, [task(catalog), task(catalog, variation=Variation(1, 0.5))])
    assert farthest(plain, varied) <= 1


def test_a_tick_that_fails_at_its_very_end_has_moved_nobody(
    catalog: Catalog, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(0)
    said = {"model": "tiny", "prompt": "a star", "width": 64, "height": 64, "steps": 4, "sampler": "euler"}
    tasks = [
        inpaint(catalog, image=random_picture(random, 64, 64), mask=random_mask(random, 64, 64), seed=seed, **said)
        for seed in (1, 2)
    ]
    undisturbed = draw(catalog, registry, tasks)
    blended, calls = Original.blended, iter(range(1000))

    def failing(original: Original, drawn: Tensor, sigma: float) -> Tensor:
        if next(calls) == 1:
            raise torch.OutOfMemoryError("no room")
        return blended(original, drawn, sigma)

    monkeypatch.setattr(Original, "blended", failing)
    for (one,), (other,) in zip(undisturbed, draw(catalog, registry, tasks), strict=True):
        assert farthest(one, other) <= 1


def test_jobs_of_different_lengths_share_ticks_and_leave_when_done(listening: Listening, catalog: Catalog) -> None:
    listening.engine.submit("short", task(catalog, steps=2))
    listening.engine.submit("long", task(catalog, steps=5))
    ticks = 0
    while listening.engine.turn():
        ticks += 1
    assert ticks == 5
    ends = [event.job_id for event in listening.told if isinstance(event, Finished)]
    assert ends == ["short", "long"]


def test_a_job_that_comes_late_joins_the_next_tick(listening: Listening, catalog: Catalog) -> None:
    listening.engine.submit("first", task(catalog, steps=6))
    listening.engine.turn()
    listening.engine.submit("second", task(catalog, steps=2))
    listening.engine.turn()
    assert listening.of("second") == [Started("second"), Progressed("second", 1, 2)]
    assert listening.of("first")[-1] == Progressed("first", 2, 6)


def test_progress_is_told_step_by_step(listening: Listening, catalog: Catalog) -> None:
    listening.engine.submit("job", task(catalog, steps=3, count=2))
    listening.turn_until_idle()
    steps = [(event.step, event.steps) for event in listening.told if isinstance(event, Progressed)]
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_a_cancelled_job_has_no_rows_in_the_next_tick(listening: Listening, catalog: Catalog) -> None:
    listening.engine.submit("kept", task(catalog))
    listening.engine.submit("dropped", task(catalog))
    listening.engine.turn()
    listening.engine.cancel("dropped")
    listening.turn_until_idle()
    assert listening.of("dropped")[-1] == Cancelled("dropped")
    assert [event for event in listening.of("dropped") if isinstance(event, Progressed)] == [
        Progressed("dropped", 1, 4)
    ]
    assert isinstance(listening.of("kept")[-1], Finished)


def test_cancelling_an_unknown_or_finished_job_tells_nothing(listening: Listening, catalog: Catalog) -> None:
    listening.engine.submit("job", task(catalog))
    listening.turn_until_idle()
    told = list(listening.told)
    listening.engine.cancel("job")
    listening.engine.cancel("never there")
    assert listening.told == told


def test_more_jobs_than_may_be_admitted_wait_and_all_finish(listening: Listening, catalog: Catalog) -> None:
    jobs = MAX_ADMITTED_ROWS // 2 + 3
    for index in range(jobs):
        listening.engine.submit(str(index), task(catalog, steps=1, seed=index))
    listening.engine.turn()
    assert listening.engine.waiting == 3
    listening.turn_until_idle()
    assert sum(isinstance(event, Finished) for event in listening.told) == jobs


def test_pools_take_turns_by_work_done(listening: Listening, catalog: Catalog) -> None:
    listening.engine.submit("small", task(catalog, steps=8))
    listening.engine.submit("large", task(catalog, steps=8, width=128, height=128))
    for _ in range(5):
        listening.engine.turn()
    small, large = listening.of("small")[-1], listening.of("large")[-1]
    assert isinstance(small, Progressed)
    assert isinstance(large, Progressed)
    assert (small.step, large.step) == (4, 1)  # a tick of the large one is worth four of the small one


def test_a_job_that_cannot_start_fails_alone(listening: Listening, catalog: Catalog) -> None:
    listening.engine.submit("bad", task(catalog, model="absent"))
    listening.engine.submit("good", task(catalog))
    listening.turn_until_idle()
    failure = listening.of("bad")[-1]
    assert isinstance(failure, Failed)
    assert failure.code == "model_not_installed"
    assert isinstance(listening.of("good")[-1], Finished)


def test_numbers_that_are_no_picture_fail_their_job_and_no_other(
    listening: Listening, catalog: Catalog, registry: Registry
) -> None:
    listening.engine.submit("bad", task(catalog, prompt="poison"))
    listening.engine.submit("good", task(catalog))
    poison = registry.sdxl("tiny").text_encoder.get_input_embeddings().weight
    letter = registry.sdxl("tiny").tokenizer.convert_tokens_to_ids("p")
    with torch.no_grad():
        poison[letter] = torch.nan
    listening.turn_until_idle()
    failure = listening.of("bad")[-1]
    assert isinstance(failure, Failed)
    assert failure.code == "drawing_failed"
    assert isinstance(listening.of("good")[-1], Finished)
