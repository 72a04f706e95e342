"""A prompt is read once, however often it is asked for, and what is remembered has a limit."""

import pytest
import torch

from pipelines.catalog import Catalog
from pipelines.errors import TaskRefused
from pipelines.registry import Registry
from pipelines.sdxl import reading
from pipelines.sdxl.embeddings import Embeddings
from pipelines.sdxl.reading import Prompts
from pipelines.tally import Tally


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def prompts(catalog: Catalog, registry: Registry, tally: Tally) -> Prompts:
    return Prompts(registry.sdxl("tiny"), Embeddings(catalog), tally)


def test_a_prompt_is_read_once(prompts: Prompts) -> None:
    assert prompts.read("a star", 0) is prompts.read("a star", 0)


def test_what_was_remembered_and_what_was_read_is_counted(prompts: Prompts, tally: Tally) -> None:
    for prompt in ("a star", "a ring", "a star", "a star"):
        prompts.read(prompt, 0)
    assert (tally.counters.prompt_hits, tally.counters.prompt_misses) == (2, 2)


@torch.inference_mode()
def test_the_layers_that_are_left_out_make_a_difference(prompts: Prompts) -> None:
    whole, skipped = prompts.read("a star", 0), prompts.read("a star", 1)
    assert whole.embeddings.shape == skipped.embeddings.shape
    assert not torch.allclose(whole.embeddings, skipped.embeddings)


def test_the_least_recently_used_is_forgotten(prompts: Prompts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_REMEMBERED", 2)
    first, second = prompts.read("one", 0), prompts.read("two", 0)
    prompts.read("one", 0)
    prompts.read("three", 0)
    assert prompts.read("one", 0) is first
    assert prompts.read("two", 0) is not second


def test_a_long_prompt_takes_the_room_of_several(prompts: Prompts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_REMEMBERED", 3)
    first, second = prompts.read("one", 0), prompts.read("two", 0)
    long = prompts.read("a" * 100, 0)
    assert len(long.embeddings) == 2 * 77
    assert prompts.read("a" * 100, 0) is long
    assert prompts.read("two", 0) is second
    assert prompts.read("one", 0) is not first


def test_more_layers_than_there_are_cannot_be_left_out(prompts: Prompts) -> None:
    with pytest.raises(TaskRefused) as refused:
        prompts.read("a star", 2)
    assert refused.value.field == "clip_skip"
