"""Every work on a given picture, done with the smallest and the longest that come in: a result of the right size."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from pipelines.canvas import raster_of
from pipelines.catalog import Catalog
from pipelines.engine.protocol import Finished
from pipelines.filters.table import FILTERS
from pipelines.planning import annotate, crop, describe, filters, remove_background, upscale
from pipelines.registry import Registry
from pipelines.tasks import Raster, Task
from tests.pipelines.conftest import Write
from tests.pipelines.engine.company import Listening

Ask = Callable[[Catalog, Raster], Task]


def filtering(name: str) -> Ask:
    return lambda catalog, image: filters(catalog, image=image, filters=[(name, {})])


def annotating(name: str) -> Ask:
    return lambda catalog, image: annotate(catalog, image=image, annotator=name)


WORKS: dict[str, Ask] = {
    **{f"filter {name}": filtering(name) for name in FILTERS},
    **{f"annotate {name}": annotating(name) for name in ("canny", "scribble", "lineart", "invert")},
    "cut out": lambda catalog, image: remove_background(catalog, image=image, method="grabcut"),
    "enlarge": lambda catalog, image: upscale(catalog, image=image, mode="fast", factor=2, restore_faces=True),
    "crop": lambda catalog, image: crop(catalog, image=image, width=48, height=64),
    "crop to a line": lambda catalog, image: crop(catalog, image=image, width=8192, height=1),
    "crop with all": lambda catalog, image: crop(catalog, image=image, width=64, height=48, mode="fit"),
    "describe": lambda catalog, image: describe(catalog, image=image),
}
SIZES = {"enlarge": 2, "crop": (48, 64), "crop to a line": (8192, 1), "crop with all": (64, 48)}


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("size", [(8, 8), (8192, 8), (8, 8192)], ids=["smallest", "widest", "highest"])
def test_it_is_done(catalogued: Write, tmp_path: Path, size: tuple[int, int], mode: str) -> None:
    catalog = catalogued({})
    listening = Listening(catalog, Registry(catalog, torch.device("cpu"), torch.float32, None))
    image = raster_of(Image.linear_gradient("L").resize(size).convert(mode))
    for name, ask in WORKS.items():
        listening.engine.submit(name, ask(catalog, image))
    listening.turn_until_idle()
    for name in WORKS:
        last = listening.of(name)[-1]
        assert isinstance(last, Finished), (name, last)
        wanted = SIZES.get(name, size)
        expected = (2 * size[0], 2 * size[1]) if wanted == 2 else wanted
        found = [(picture.width, picture.height) for picture in last.pictures]
        assert found == ([] if name == "describe" else [expected]), name
