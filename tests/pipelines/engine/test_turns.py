"""Whose turn it is: priorities, accounts, ageing, deadlines; and jobs that are drawn in two passes."""

from dataclasses import replace

import pytest
import torch

from pipelines.catalog import Catalog
from pipelines.engine.protocol import Failed, Finished, Previewed, Progressed, Terms
from pipelines.engine.rows import Rows
from pipelines.engine.running import Made
from pipelines.engine.turns import AGEING_SECONDS
from pipelines.errors import DrawingFailed
from pipelines.planning import text_to_image
from pipelines.registry import Registry
from pipelines.sdxl.pipeline import SdxlPipeline
from pipelines.tasks import FirstPass, TextToImage
from tests.pipelines.engine.company import Listening, farthest


@pytest.fixture
def narrow(catalog: Catalog, registry: Registry) -> Listening:
    """An engine whose ticks have room for one guided picture."""
    return Listening(catalog, registry, Rows(most=2))


@pytest.fixture
def task(catalog: Catalog) -> TextToImage:
    return text_to_image(catalog, model="tiny", prompt="a red star", width=64, height=64, steps=4, seed=1)


def steps_of(listening: Listening, job_id: str) -> int:
    return sum(isinstance(event, Progressed) for event in listening.of(job_id))


def ends(listening: Listening) -> list[str]:
    return [event.job_id for event in listening.told if isinstance(event, Finished)]


def test_an_account_with_one_job_does_not_wait_for_an_account_with_many(narrow: Listening, task: TextToImage) -> None:
    for index in range(6):
        narrow.engine.submit(f"many {index}", task, Terms("many"))
    narrow.engine.turn()
    narrow.engine.submit("one", task, Terms("one"))
    narrow.turn_until_idle()
    assert ends(narrow).index("one") <= 2


def test_accounts_share_the_device_although_their_pictures_differ_in_size(narrow: Listening, task: TextToImage) -> None:
    for index in range(2):
        narrow.engine.submit(f"small {index}", task, Terms("small"))
        narrow.engine.submit(f"large {index}", replace(task, width=128, height=128), Terms("large"))
    for _ in range(10):
        narrow.engine.turn()
    assert ends(narrow) == ["small 0", "small 1"]  # eight ticks of them are worth two of the large ones
    assert steps_of(narrow, "large 0") == 2


def test_an_account_that_comes_back_gets_no_credit_for_its_absence(narrow: Listening, task: TextToImage) -> None:
    for index in range(3):
        narrow.engine.submit(f"busy {index}", task, Terms("busy"))
    for _ in range(6):
        narrow.engine.turn()
    narrow.engine.submit("late", replace(task, steps=8), Terms("late"))
    for _ in range(4):
        narrow.engine.turn()
    assert steps_of(narrow, "late") == 2
    assert steps_of(narrow, "busy 1") == 4


def test_a_higher_priority_goes_first(narrow: Listening, task: TextToImage) -> None:
    narrow.engine.submit("usual", task)
    narrow.engine.turn()
    narrow.engine.submit("urgent", task, Terms(priority=1))
    narrow.turn_until_idle()
    assert ends(narrow) == ["urgent", "usual"]


def test_who_waits_long_enough_is_as_urgent_as_the_urgent(narrow: Listening, task: TextToImage) -> None:
    narrow.engine.submit("patient", task, Terms("patient"))
    narrow.time += AGEING_SECONDS
    narrow.engine.submit("urgent", task, Terms("urgent", priority=1))
    for _ in range(4):
        narrow.engine.turn()
    assert steps_of(narrow, "patient") == steps_of(narrow, "urgent") == 2


@pytest.mark.parametrize("turns", [0, 2], ids=["waiting", "running"])
def test_a_job_past_its_deadline_fails_by_name(narrow: Listening, task: TextToImage, turns: int) -> None:
    narrow.engine.submit("late", task, Terms(deadline=10.0))
    for _ in range(turns):
        narrow.engine.turn()
    narrow.time = 10.0
    narrow.turn_until_idle()
    failure = narrow.of("late")[-1]
    assert isinstance(failure, Failed)
    assert failure.code == "deadline_passed"
    assert steps_of(narrow, "late") == turns


def test_previews_are_told_as_the_picture_emerges_and_only_on_request(narrow: Listening, task: TextToImage) -> None:
    narrow.engine.submit("seen", replace(task, steps=16), Terms(previews=True))
    narrow.engine.submit("unseen", replace(task, steps=16))
    narrow.turn_until_idle()
    previews = [event for event in narrow.told if isinstance(event, Previewed)]
    assert {event.job_id for event in previews} == {"seen"}
    assert len(previews) == 8
    assert (previews[0].preview.width, previews[0].preview.height) == (64, 64)
    assert previews[0].preview != previews[-1].preview


def test_previews_end_with_the_first_picture_while_another_is_in_its_first_pass(
    narrow: Listening, task: TextToImage
) -> None:
    passes = FirstPass(64, 48, steps=20, strength=0.25)  # one step over it: the pool of that is gone at once
    narrow.engine.submit("seen", replace(task, width=128, height=96, count=2, first_pass=passes), Terms(previews=True))
    narrow.turn_until_idle()
    assert len(narrow.pictures("seen")) == 2
    previews = [event for event in narrow.told if isinstance(event, Previewed)]
    assert 0 < len(previews) < 8


def test_a_preview_that_fails_costs_nobody_a_picture(
    narrow: Listening, task: TextToImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(SdxlPipeline, "preview", fail)
    narrow.engine.submit("seen", task, Terms(previews=True))
    narrow.engine.submit("unseen", task)
    narrow.turn_until_idle()
    assert sorted(ends(narrow)) == ["seen", "unseen"]


def test_results_that_cannot_be_put_together_fail_their_job_alone(
    narrow: Listening, task: TextToImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(results: list[Made]) -> list[Made]:
        raise DrawingFailed("These results do not fit together.")

    prepare = narrow.engine._prepare
    joins = {"bad": fail, "good": list}
    monkeypatch.setattr(narrow.engine, "_prepare", lambda job, task: replace(prepare(job, task), join=joins[job]))
    for job_id in joins:
        narrow.engine.submit(job_id, task)
    narrow.turn_until_idle()
    (failure,) = [event for event in narrow.of("bad") if isinstance(event, Failed | Finished)]
    assert isinstance(failure, Failed)
    assert ends(narrow) == ["good"]


def test_a_small_first_pass_is_enlarged_and_drawn_over(narrow: Listening, task: TextToImage) -> None:
    large = replace(task, width=128, height=96, count=2)
    narrow.engine.submit("plain", large)
    narrow.engine.submit("in two passes", replace(large, first_pass=FirstPass(64, 48, steps=3, strength=0.5)))
    narrow.turn_until_idle()
    progress = [(event.step, event.steps) for event in narrow.of("in two passes") if isinstance(event, Progressed)]
    assert progress == [(step, 5) for step in range(1, 6)]  # 3, and half of 4
    pictures = narrow.pictures("in two passes")
    assert [(picture.width, picture.height, picture.seed) for picture in pictures] == [(128, 96, 1), (128, 96, 2)]
    assert farthest(pictures[0], narrow.pictures("plain")[0]) > 1
    assert farthest(pictures[0], pictures[1]) > 1
