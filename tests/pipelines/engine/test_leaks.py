"""What was drawn and what was unloaded leaves nothing behind in memory."""

import gc
import os
import sys
from pathlib import Path

import pytest

from pipelines.catalog import Catalog
from pipelines.drain import draw
from pipelines.planning import text_to_image
from pipelines.registry import Registry
from pipelines.tasks import TextToImage

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the resident memory"),
]

MOST_GROWTH = 1.02


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def tasks(catalog: Catalog, count: int) -> list[TextToImage]:
    return [
        text_to_image(catalog, model="tiny", prompt="a star", width=64, height=64, steps=2, seed=seed)
        for seed in range(count)
    ]


def test_fifty_loads_and_unloads_leave_nothing_behind(catalog: Catalog, registry: Registry) -> None:
    def load_and_unload() -> None:
        draw(catalog, registry, tasks(catalog, 1))
        registry.unload("tiny")

    for _ in range(10):
        load_and_unload()
    before = resident_bytes()
    for _ in range(50):
        load_and_unload()
    assert resident_bytes() <= MOST_GROWTH * before


def test_five_hundred_tasks_leave_nothing_behind(catalog: Catalog, registry: Registry) -> None:
    draw(catalog, registry, tasks(catalog, 100))
    before = resident_bytes()
    for _ in range(5):
        draw(catalog, registry, tasks(catalog, 100))
    assert resident_bytes() <= MOST_GROWTH * before
