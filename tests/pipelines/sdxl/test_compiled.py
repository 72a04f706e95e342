"""A shape is answered at once and swapped to its faster way when that is ready; on CUDA the way is a graph."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipelines.sdxl.compiled import MOST_SHAPES, OFTEN, Swift, compiler, copy_of, overwrite, swift
from pipelines.sdxl.loading import load_folder
from pipelines.sdxl.model import Answer, Inputs, SdxlModel
from pipelines.sdxl.tuned import compiles, tuned
from pipelines.tuning import Tuning
from tests.pipelines.conftest import save_tiny_sdxl


def rows_of(count: int, *, side: int = 8, mask: Tensor | None = None, device: str = "cpu") -> Inputs:
    torch.manual_seed(count)
    numbers = torch.randn(count, 4, side, side), torch.rand(count) * 900, torch.randn(count, 77, 96)
    latents, timesteps, embeddings = (each.to(device) for each in numbers)
    pooled, time_ids = torch.randn(count, 64, device=device), torch.zeros(count, 6, device=device)
    return Inputs(latents, timesteps, embeddings, mask, pooled, time_ids)


class Workshop:
    """A compiler that waits until it is let go on, and gives answers that can be told apart: 0 plain, 1 captured."""

    def __init__(self, *, behind: bool, fails: bool = False, refusal: Exception | None = None) -> None:
        self.go_on = threading.Event()
        self.compiled: list[int] = []
        self._fails, self._refusal = fails, refusal
        self.swift = Swift(lambda inputs: torch.zeros(1), self._compile, self._capture, behind=behind)

    def _compile(self, inputs: Inputs) -> Answer:
        assert self.go_on.wait(60)
        self.compiled.append(len(inputs.latents))
        if self._fails:
            raise RuntimeError("this shape is not for compiling")
        return lambda inputs: torch.full((1,), 0.5)

    def _capture(self, answer: Answer, inputs: Inputs) -> Answer:
        if self._refusal:
            raise self._refusal
        return lambda inputs: 2 * answer(inputs)

    def calls(self, inputs: Inputs, count: int = 1) -> list[float]:
        return [self.swift(inputs).item() for _ in range(count)]

    def finish(self) -> None:
        self.go_on.set()
        work = self.swift._work
        assert work is not None
        work.join()


def test_a_shape_is_answered_plainly_until_its_own_way_is_ready() -> None:
    workshop = Workshop(behind=True)
    assert workshop.calls(rows_of(2), 2 * OFTEN) == [0.0] * (2 * OFTEN)
    workshop.finish()
    assert workshop.calls(rows_of(2), 2) == [1.0, 1.0]
    assert workshop.compiled == [2]


def test_a_shape_that_comes_seldom_is_not_worth_compiling() -> None:
    workshop = Workshop(behind=True)
    workshop.go_on.set()
    workshop.calls(rows_of(2), OFTEN - 1)
    assert workshop.compiled == []


def test_one_shape_is_compiled_after_the_other() -> None:
    workshop = Workshop(behind=True)
    workshop.calls(rows_of(2), OFTEN)
    workshop.calls(rows_of(4), OFTEN)
    workshop.finish()
    assert workshop.calls(rows_of(4)) == [0.0]  # only now does its turn come
    workshop.finish()
    assert workshop.calls(rows_of(4)) == [1.0]
    assert workshop.compiled == [2, 4]


def test_without_a_thread_behind_the_first_answer_is_the_fast_one() -> None:
    workshop = Workshop(behind=False)
    workshop.go_on.set()
    assert workshop.calls(rows_of(2), 2) == [1.0, 1.0]


def test_a_shape_that_cannot_be_compiled_is_answered_plainly_and_not_tried_again() -> None:
    workshop = Workshop(behind=False, fails=True)
    workshop.go_on.set()
    assert workshop.calls(rows_of(2), 3) == [0.0, 0.0, 0.0]
    assert workshop.compiled == [2]


@pytest.mark.parametrize(
    "sentence",
    ["operation not permitted when stream is capturing", "operation failed due to a previous error during capture"],
)
def test_a_shape_that_cuda_does_not_capture_is_answered_plainly(sentence: str) -> None:
    workshop = Workshop(behind=False, refusal=torch.AcceleratorError(f"CUDA error: {sentence}"))
    workshop.go_on.set()
    assert workshop.calls(rows_of(2), 2) == [0.0, 0.0]
    assert workshop.compiled == [2]


def test_a_device_that_is_lost_while_it_captures_is_told() -> None:
    workshop = Workshop(behind=False, refusal=torch.AcceleratorError("CUDA error: an illegal memory access"))
    workshop.go_on.set()
    with pytest.raises(torch.AcceleratorError):
        workshop.calls(rows_of(2))


def test_masked_rows_are_answered_plainly() -> None:
    workshop = Workshop(behind=False)
    assert workshop.calls(rows_of(2, mask=torch.ones(2, 77))) == [0.0]


def test_there_is_an_end_to_the_shapes() -> None:
    workshop = Workshop(behind=False)
    workshop.go_on.set()
    answers = [workshop.calls(rows_of(1, side=side))[0] for side in range(1, MOST_SHAPES + 2)]
    assert answers == [1.0] * MOST_SHAPES + [0.0]


def test_new_inputs_are_written_where_the_old_ones_were() -> None:
    static, fresh = copy_of(rows_of(2)), rows_of(2)._replace(latents=torch.ones(2, 4, 8, 8))
    places = [each.data_ptr() for each in static if each is not None]
    overwrite(static, fresh)
    assert [each.data_ptr() for each in static if each is not None] == places
    assert static.latents.min() == 1


@pytest.mark.parametrize(
    ("tuning", "answer"),
    [
        pytest.param(Tuning(compile="on"), True, id="on"),
        pytest.param(Tuning(compile="off"), False, id="off"),
        pytest.param(Tuning(), True, id="auto"),
        pytest.param(Tuning(deterministic=True), False, id="auto swaps, which changes bits"),
        pytest.param(Tuning(compile="on", deterministic=True), True, id="on does not swap"),
    ],
)
def test_what_is_swapped_in_later_is_nothing_for_a_deterministic_engine(tuning: Tuning, answer: bool) -> None:
    assert compiles(tuning) == answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    save_tiny_sdxl(folder)
    return folder


@pytest.fixture
def on_cpu(folder: Path) -> SdxlModel:
    return load_folder("tiny", folder, torch.device("cpu"), torch.float32)


def test_on_a_cpu_nothing_is_tuned(on_cpu: SdxlModel) -> None:
    assert tuned(on_cpu, Tuning(compile="on", attention="xformers")) is on_cpu


@pytest.mark.full  # ten seconds a shape
@torch.inference_mode()
def test_a_unet_is_compiled_behind_while_it_draws(on_cpu: SdxlModel) -> None:
    by_dynamo = compiler(on_cpu.unet, backend="aot_eager")
    captured: list[float] = []

    def capture(answer: Answer, inputs: Inputs) -> Answer:
        captured.append((answer(inputs) - on_cpu.answer(inputs)).abs().max().item())
        return on_cpu.answer

    answers = Swift(on_cpu.answer, by_dynamo, capture, behind=True)
    for count in (1, 2, 3):
        until(lambda count=count: len(captured) == count, lambda count=count: answers(rows_of(count)))  # type: ignore[misc]
    assert max(captured) < 1e-4


def until(condition: Callable[[], bool], act: Callable[[], object]) -> None:
    for _ in range(100_000):
        act()
        if condition():
            return
    pytest.fail("it never came true")


@pytest.mark.gpu
@torch.inference_mode()
def test_a_graph_answers_as_the_plain_unet_does_and_sees_new_weights(folder: Path) -> None:
    model = load_folder("tiny", folder, torch.device("cuda"), torch.float32)
    fast = swift(model.unet, behind=False)
    one, other = rows_of(2, device="cuda"), rows_of(4, device="cuda")
    for inputs in (one, other, one):
        assert (fast(inputs) - model.answer(inputs)).abs().max() < 1e-3
    model.unet.conv_out.weight.mul_(2)
    assert (fast(one) - model.answer(one)).abs().max() < 1e-3
