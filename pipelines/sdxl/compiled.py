"""The UNet made fast on CUDA: compiled for each shape of its inputs, captured as a CUDA graph, then replayed.

Compiling a shape takes a minute. It can happen behind, in a thread, while the shape is answered by the UNet as it is.
"""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from pipelines.engine.pieces import device_is_lost
from pipelines.sdxl.model import Answer, Inputs, Plain

log = structlog.get_logger("compiled")

OFTEN = 20  # calls, after which a shape is worth compiling behind
MOST_SHAPES = 48  # each graph keeps its inputs and its workspace; more shapes than that are answered plainly
# In the sentence of each error by which CUDA refuses a capture, and after which it works on: cudaErrorStreamCapture...
# of https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html.
CAPTURE = "captur"
WARM_UP = 3  # calls before a capture, in which libraries choose their kernels and take their workspaces

Shape = tuple[torch.Size, torch.Size, bool, tuple[int, ...]]
Compile = Callable[[Inputs], Answer]  # slow; what it gives may be called with inputs of that shape
Capture = Callable[[Answer, Inputs], Answer]  # quick; in the thread that draws


class Swift:
    """Answers as `plain` does, but in the way that was prepared for the shape where there is one by now.

    behind: compile in a thread of its own, one shape at a time; else at once. What was compiled is captured while that
    thread rests, and only replayed beside it: dynamo's own code goes wrong while another thread compiles.
    """

    def __init__(self, plain: Answer, compile_for: Compile, capture: Capture, *, behind: bool) -> None:
        self._plain, self._compile, self._capture = plain, compile_for, capture
        self._behind = behind
        self._calls: Counter[Shape] = Counter()
        self._ready: dict[Shape, Answer] = {}
        self._work: Work | None = None

    def __call__(self, inputs: Inputs) -> Tensor:
        if inputs.mask is not None:  # prompts of different lengths: there is no end of shapes
            return self._plain(inputs)
        self._take_up()
        shape = shape_of(inputs)
        if shape not in self._ready:
            self._prepare(shape, inputs)
        return self._ready.get(shape, self._plain)(inputs)

    def _take_up(self) -> None:
        if self._work is not None and self._work.is_done:
            work, self._work = self._work, None
            self._ready[shape_of(work.inputs)] = self._captured(work)

    def _prepare(self, shape: Shape, inputs: Inputs) -> None:
        self._calls[shape] += 1
        if self._work is not None or len(self._ready) >= MOST_SHAPES:
            return
        if not self._behind or self._calls[shape] >= OFTEN:
            self._work = Work(self._compile, copy_of(inputs))
            if not self._behind:
                self._work.join()
                self._take_up()

    def _captured(self, work: "Work") -> Answer:
        """A shape that cannot be compiled or captured is answered plainly from now on."""
        try:
            answer = self._capture(work.result(), work.inputs)
        except Exception as error:
            if device_is_lost(error) and CAPTURE not in str(error):
                raise
            log.warning("not_compiled", rows=len(work.inputs.latents), exc_info=error)
            return self._plain
        log.info("compiled", rows=len(work.inputs.latents), latent=tuple(work.inputs.latents.shape[2:]))
        return answer


class Work:
    """One shape being compiled in a thread. A daemon: the program's end does not wait for it."""

    def __init__(self, compile_for: Compile, inputs: Inputs) -> None:
        self.inputs = inputs
        self._compile = compile_for
        self._outcome: Answer | Exception | None = None
        self._thread = threading.Thread(target=self._run, name="darkroom-compiler", daemon=True)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def join(self) -> None:
        self._thread.join()

    def result(self) -> Answer:
        """Raises what the compiling raised."""
        if isinstance(self._outcome, Exception):
            raise self._outcome
        assert self._outcome is not None
        return self._outcome

    @torch.inference_mode()
    def _run(self) -> None:
        try:
            with torch.cuda.device_of(self.inputs.latents):  # every thread has a present device of its own
                self._outcome = self._compile(self.inputs)
        except Exception as error:
            self._outcome = error


class Graph:
    """One call, captured as a CUDA graph: inputs are copied to where it reads, then all its kernels start at once.

    The weights are read where they lie, so that LoRAs written into them in place take effect. pool: of the memory that
    graphs share; that is safe because the answer is copied out before another graph can run.
    """

    def __init__(self, answer: Answer, inputs: Inputs, pool: Any) -> None:
        self._inputs = inputs
        warm = torch.cuda.Stream()
        warm.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(warm):
            for _ in range(WARM_UP):
                answer(inputs)
        torch.cuda.current_stream().wait_stream(warm)
        self._graph = torch.cuda.CUDAGraph()
        graph = torch.cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local")
        with torch.cuda.stream(torch.cuda.current_stream()), graph:  # which a capture that fails does not give back
            self._answer = answer(inputs)

    def __call__(self, inputs: Inputs) -> Tensor:
        overwrite(self._inputs, inputs)
        self._graph.replay()
        return self._answer.clone()


def swift(unet: nn.Module, *, behind: bool) -> Swift:
    """The UNet, compiled and captured; on CUDA only."""
    pool = torch.cuda.graph_pool_handle()
    return Swift(Plain(unet), compiler(unet), lambda answer, inputs: Graph(answer, inputs, pool), behind=behind)


def compiler(unet: nn.Module, backend: str = "inductor") -> Compile:
    """Compiles the UNet for one shape after the other; nothing is compiled before that is called."""
    compiled = Plain(torch.compile(unet, fullgraph=True, dynamic=False, backend=backend))

    def answer(inputs: Inputs) -> Tensor:
        # Every shape is another compilation of the same code, which dynamo holds to be a mistake after eight.
        with torch._dynamo.config.patch(recompile_limit=MOST_SHAPES):
            return compiled(inputs)

    def compile_for(inputs: Inputs) -> Answer:
        answer(inputs)
        return answer

    return compile_for


def shape_of(inputs: Inputs) -> Shape:
    """What kernels are compiled for: rows and sides of latents, tokens of prompts, whether any is controlled, tokens of
    the pictures that are looked at.
    """
    looks = tuple(looked.keys.shape[1] for looked in inputs.pictures or ())
    return inputs.latents.shape, inputs.embeddings.shape, inputs.residuals is not None, looks


def copy_of(inputs: Inputs) -> Inputs:
    """With memory of its own."""
    return tree_map_only(Tensor, Tensor.clone, inputs)


def overwrite(static: Inputs, fresh: Inputs) -> None:
    """In place: a graph reads where it read when it was captured."""
    for old, new in zip(tree_leaves(static), tree_leaves(fresh), strict=True):
        if old is not None:
            old.copy_(new)
