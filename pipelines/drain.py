"""Draw a list of tasks in the calling thread: for sample sheets, judges and benchmarks."""

from collections.abc import Sequence

from pipelines.catalog import Catalog
from pipelines.engine.loop import Engine
from pipelines.engine.protocol import Event, Failed, Finished
from pipelines.errors import DrawingFailed
from pipelines.registry import Registry
from pipelines.tasks import Picture, Task


def draw(catalog: Catalog, registry: Registry, tasks: Sequence[Task]) -> list[tuple[Picture, ...]]:
    """The pictures of each task, in the order of the tasks. Raises DrawingFailed with the first failure's sentence."""
    drawn: dict[str, tuple[Picture, ...]] = {}

    def listen(event: Event) -> None:
        if isinstance(event, Failed):
            raise DrawingFailed(event.sentence)
        if isinstance(event, Finished):
            drawn[event.job_id] = event.pictures

    engine = Engine(catalog, registry, listen)
    for index, task in enumerate(tasks):
        engine.submit(str(index), task)
    while engine.turn():
        pass
    return [drawn[str(index)] for index in range(len(tasks))]
