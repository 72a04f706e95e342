"""Replays traffic on the engine under different policies: whoever waits is handed over at once, alone, or in batches.

The work is real, the idle time is not: where nothing is to be done, the clock jumps to the next arrival.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from pipelines.catalog import Catalog
from pipelines.engine.loop import Engine
from pipelines.engine.memory import Memory
from pipelines.engine.protocol import Event, Failed, Finished
from pipelines.profiling.fitting import memory_for, registry_for
from pipelines.profiling.measure import synchronize
from pipelines.registry import Registry
from pipelines.tasks import Drawn
from pipelines.tuning import Tuning

MOST_IN_A_BATCH = 8  # tasks, which under guidance fill a tick


def by_steps(waiting: Sequence[Drawn], *, busy: bool) -> list[int]:
    """The engine's own way: everybody joins the next tick. The result are positions in `waiting`."""
    return list(range(len(waiting)))


def one_at_a_time(waiting: Sequence[Drawn], *, busy: bool) -> list[int]:
    return [] if busy else [0][: len(waiting)]


def by_requests(waiting: Sequence[Drawn], *, busy: bool) -> list[int]:
    """When the last batch is done, the next: the first who waits and those that could share its ticks.

    That is generous: steps, kinds, samplers and guidance may differ, which other servers' batches do not allow, and
    who is done leaves at once.
    """
    if busy:
        return []
    sizes = [(task.width, task.height) for task in waiting]
    return [index for index, size in enumerate(sizes) if size == sizes[0]][:MOST_IN_A_BATCH]


POLICIES: dict[str, Callable[..., list[int]]] = {
    "one at a time": one_at_a_time,
    "by requests": by_requests,
    "by steps": by_steps,
}


@dataclass(frozen=True, slots=True)
class Stage:
    """Where traffic is replayed: what an engine is made of."""

    catalog: Catalog
    registry: Registry
    memory: Memory
    device: torch.device


@dataclass(frozen=True, slots=True)
class Times:
    """Of each task, in seconds. latencies: from its arrival, services: from when the engine had it; both to its end.

    total: from the beginning to the end of the last.
    """

    latencies: list[float]
    services: list[float]
    total: float

    @property
    def rate(self) -> float:
        """Tasks a second."""
        return len(self.latencies) / self.total


def stage_of(catalog: Catalog, device: torch.device, tuning: Tuning) -> Stage:
    return Stage(catalog, registry_for(catalog, device, tuning), memory_for(catalog, device, tuning), device)


def replay(
    stage: Stage, tasks: Sequence[Drawn], arrivals: Sequence[float], policy: str, report: Callable[[], None]
) -> Times:
    """arrivals: ascending, in seconds. report: called for each finished task. Raises RuntimeError where one fails."""
    told: list[Event] = []
    now = 0.0
    engine = Engine(stage.catalog, stage.registry, told.append, stage.memory, clock=lambda: now)
    coming, waiting = deque(range(len(tasks))), list[int]()
    begun, finished = dict[int, float](), dict[int, float]()
    while len(finished) < len(tasks):
        while coming and arrivals[coming[0]] <= now:
            waiting.append(coming.popleft())
        chosen = POLICIES[policy]([tasks[index] for index in waiting], busy=engine.running + engine.waiting > 0)
        for index in [waiting[position] for position in chosen]:
            waiting.remove(index)
            begun[index] = now
            engine.submit(str(index), tasks[index])
        started = time.perf_counter()
        has_worked = engine.turn()
        synchronize(stage.device)
        now += time.perf_counter() - started
        for index in finished_of(told):
            finished[index] = now
            report()
        told.clear()
        if not has_worked:
            now = max(now, arrivals[coming[0]])
    ends = [finished[index] for index in range(len(tasks))]
    latencies = [end - arrivals[index] for index, end in enumerate(ends)]
    return Times(latencies, [end - begun[index] for index, end in enumerate(ends)], now)


def finished_of(told: Sequence[Event]) -> list[int]:
    """The tasks that are done, by their number. Raises RuntimeError where one failed."""
    for event in told:
        if isinstance(event, Failed):
            raise RuntimeError(event.sentence)
    return [int(event.job_id) for event in told if isinstance(event, Finished)]


def rate_at_once(stage: Stage, tasks: Sequence[Drawn]) -> float:
    """Tasks a second where all wait from the beginning."""
    return replay(stage, tasks, [0.0] * len(tasks), "by steps", lambda: None).rate
