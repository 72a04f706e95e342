"""What a turn of the engine costs beside the UNet: everything is done but the UNet, which answers zeros at once."""

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import torch

from benchmarking.replay import stage_of
from pipelines.catalog import Catalog
from pipelines.engine.loop import Engine
from pipelines.engine.protocol import Event
from pipelines.sdxl.pipeline import SdxlPipeline
from pipelines.tasks import SAMPLERS, TextToImage
from pipelines.tuning import Tuning

TURNS = 100


def host_seconds(catalog: Catalog, model: str, size: tuple[int, int], rows: int, report: Callable[[], None]) -> float:
    """The median of a turn on the CPU, with `rows` rows of guided tasks of many samplers; on one core."""
    stage = stage_of(catalog, torch.device("cpu"), Tuning())
    pipeline = stage.registry.pipeline(model, ())
    assert isinstance(pipeline, SdxlPipeline)
    pipeline.model = replace(pipeline.model, answer=lambda inputs: torch.zeros_like(inputs.latents))
    told: list[Event] = []
    engine = Engine(catalog, stage.registry, told.append, stage.memory)
    for index in range(rows // 2):
        sampler = SAMPLERS[index % len(SAMPLERS)]
        engine.submit(str(index), TextToImage(model, "a star", "", *size, TURNS + 10, 4.0, sampler, index))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        engine.turn()  # with the admission in it
        seconds = [_turn_seconds(engine, report) for _ in range(TURNS)]
    finally:
        torch.set_num_threads(threads)
    if engine.running != rows // 2:
        raise RuntimeError("some tasks were not there to the end, so that the turns had fewer rows")
    return median(seconds)


def _turn_seconds(engine: Engine, report: Callable[[], None]) -> float:
    started = time.perf_counter()
    engine.turn()
    seconds = time.perf_counter() - started
    report()
    return seconds
