"""The mixed trace: how much each policy can do, then its latencies at several rates of arrival."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import mean, median
from typing import Any

from benchmarking.replay import POLICIES, Stage, Times, replay
from benchmarking.trace import Mix, mixed_tasks, poisson

SEED = 2026
WARM_UP_STEPS = 2
LATE = 0.8  # of what one at a time can do: the load of the target


def measure_traffic(
    stage: Stage, mix: Mix, count: int, loads: Sequence[float], report: Callable[[], None]
) -> dict[str, Any]:
    """loads: arrivals a second, as shares of what one at a time can do; LATE is one of them.

    The same tasks everywhere. Report is called `replays` times.
    """
    tasks = mixed_tasks(mix, count, SEED)
    at_once = [0.0] * count
    replay(stage, [replace(task, steps=WARM_UP_STEPS) for task in tasks], at_once, "by steps", report)
    drained = {policy: replay(stage, tasks, at_once, policy, report) for policy in POLICIES}
    alone = drained["one at a time"]
    by_load = {}
    for load in loads:
        arrivals = poisson(count, load * alone.rate, SEED)
        by_load[f"{load:g}"] = {
            policy: summary(replay(stage, tasks, arrivals, policy, report), alone.services) for policy in POLICIES
        }
    return {
        "tasks": count,
        "tasks_a_second": {policy: round(times.rate, 3) for policy, times in drained.items()},
        "by_load": by_load,
    }


def replays(count: int, loads: Sequence[float]) -> int:
    """How many tasks `measure_traffic` draws in all."""
    return count * (1 + len(POLICIES) * (1 + len(loads)))


def summary(times: Times, alone: Sequence[float]) -> dict[str, float]:
    """Latencies in seconds, and slowdowns: latency over `alone`, the seconds that the same task takes by itself."""
    slowdowns = [latency / own for latency, own in zip(times.latencies, alone, strict=True)]
    figures: dict[str, float] = {}
    for name, numbers in (("latency", times.latencies), ("slowdown", slowdowns)):
        figures |= {f"{name}_mean": mean(numbers), f"{name}_p50": median(numbers), f"{name}_p99": p99(numbers)}
    return {name: round(figure, 3) for name, figure in figures.items()}


def p99(numbers: Sequence[float]) -> float:
    """By nearest rank: of fewer than 100 numbers it is the largest."""
    return sorted(numbers)[-(-len(numbers) * 99 // 100) - 1]


def capacity_over(policy: str, traffic: dict[str, Any]) -> float:
    """How many times as many tasks a second we do."""
    rates = traffic["tasks_a_second"]
    return float(rates["by steps"] / rates[policy])


def late_slowdown_ratio(traffic: dict[str, Any]) -> float:
    """Our p99 slowdown over that of one at a time, at the load of the target."""
    late = traffic["by_load"][f"{LATE:g}"]
    return float(late["by steps"]["slowdown_p99"] / late["one at a time"]["slowdown_p99"])
