"""What tests of adapters have in common: tasks drawn together or alone, ticks by hand, what the UNet was given."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor

from pipelines.canvas import canvas_of
from pipelines.catalog import Catalog
from pipelines.engine.rows import Rows
from pipelines.registry import Registry
from pipelines.sdxl.draft import Draft
from pipelines.sdxl.model import Inputs, SdxlModel
from pipelines.sdxl.pipeline import SdxlPipeline
from pipelines.sizes import plan
from pipelines.tasks import Drawing, Task
from tests.pipelines.engine.company import Listening


def drawn(catalog: Catalog, registry: Registry, tasks: Sequence[Task], rows: Rows) -> list[Any]:
    """The pictures of each task; every one joins after a turn of those before."""
    listening = Listening(catalog, registry, rows)
    for index, each in enumerate(tasks):
        listening.engine.submit(str(index), each)
        listening.engine.turn()
    listening.turn_until_idle()
    return [listening.pictures(str(index)) for index in range(len(tasks))]


def drafts(catalog: Catalog, registry: Registry, *tasks: Drawing) -> tuple[SdxlPipeline, list[Draft]]:
    """Of the tiny model, ready for ticks by hand."""
    pipeline = registry.pipeline("tiny", ())
    assert isinstance(pipeline, SdxlPipeline)
    canvases = [canvas_of(each, plan(each.width, each.height, catalog.get("tiny"))) for each in tasks]
    made = [pipeline.drafts("job", each, canvas) for each, canvas in zip(tasks, canvases, strict=True)]
    return pipeline, [draft for each in made for draft in each]


@contextmanager
def given_to_the_unet(registry: Registry) -> Iterator[list[Inputs]]:
    """What the UNet of the tiny model is given, call by call."""
    calls: list[Inputs] = []
    model: SdxlModel = registry.sdxl("tiny")

    def answer(inputs: Inputs) -> Tensor:
        calls.append(inputs)
        return model.answer(inputs)

    registry._models["tiny"] = replace(model, answer=answer)
    yield calls
    registry._models["tiny"] = model
