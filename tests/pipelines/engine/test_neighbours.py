"""A picture does not depend on its neighbours: random tasks of every kind, alone and in company that comes and goes."""

from random import Random

import pytest

from pipelines.catalog import Catalog
from pipelines.engine.protocol import Cancelled
from pipelines.engine.rows import Rows
from pipelines.registry import Registry
from pipelines.tasks import Picture, Task
from tests.pipelines.engine.company import Listening, farthest, random_task

TASKS = 40


def drawn_alone(catalog: Catalog, registry: Registry, tasks: list[Task], rows: Rows) -> list[tuple[Picture, ...]]:
    pictures = []
    for task in tasks:
        listening = Listening(catalog, registry, rows)
        listening.engine.submit("job", task)
        listening.turn_until_idle()
        pictures.append(listening.pictures("job"))
    return pictures


def drawn_in_company(
    catalog: Catalog, registry: Registry, tasks: list[Task], rows: Rows, random: Random
) -> list[tuple[Picture, ...]]:
    """They arrive while others are drawn; between them come jobs that are cancelled half-way."""
    listening = Listening(catalog, registry, rows)
    leaving: list[str] = []
    for index, task in enumerate(tasks):
        listening.engine.submit(str(index), task)
        if random.random() < 0.3:
            leaving.append(f"leaving {index}")
            listening.engine.submit(leaving[-1], random_task(random))
        for _ in range(random.randrange(4)):
            listening.engine.turn()
        if leaving and random.random() < 0.5:
            listening.engine.cancel(leaving[random.randrange(len(leaving))])
    listening.turn_until_idle()
    assert any(isinstance(event, Cancelled) for event in listening.told)
    return [listening.pictures(str(index)) for index in range(len(tasks))]


@pytest.mark.parametrize(
    ("rows", "levels"), [(Rows(), 1), (Rows(most=6, deterministic=True), 0)], ids=["usual", "to the bit"]
)
def test_a_picture_does_not_depend_on_its_neighbours(
    catalog: Catalog, registry: Registry, rows: Rows, levels: int
) -> None:
    random = Random(7)
    tasks = [random_task(random) for _ in range(TASKS)]
    alone = drawn_alone(catalog, registry, tasks, rows)
    together = drawn_in_company(catalog, registry, tasks, rows, random)
    for ours, theirs in zip(together, alone, strict=True):
        assert [picture.seed for picture in ours] == [picture.seed for picture in theirs]
        assert max(map(farthest, ours, theirs)) <= levels
