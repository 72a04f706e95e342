"""The shapes matting network: it cuts out what lies on plain and on patterned ground."""

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from pipelines.canvas import picture_of, raster_of
from pipelines.drain import draw
from pipelines.planning import remove_background
from pipelines.tasks import Raster
from tests.judge import overlap
from tests.shapes import Artist, needs
from training.scenes import GROUNDS, scene

TARGET = 0.95
SIDE = 160  # not the network's own

pytestmark = [pytest.mark.draws, needs("shapes-matting", "matting")]


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.full)])
def test_what_is_there_is_cut_out_on_every_ground(
    artist: Artist, report: Callable[[list[str]], None], count: int
) -> None:
    random, found = Random(2026), dict[str, list[float]]()
    grounds = [ground for ground in sorted(GROUNDS) for _ in range(count // len(GROUNDS))]
    cases = [(ground, scene(random, SIDE, 1, ground, held_out=True)) for ground in grounds]
    tasks = [
        remove_background(artist.catalog, image=raster_of(image), model="shapes-matting", output="mask")
        for _, (image, _) in cases
    ]
    for (ground, (_, (thing,))), (picture, *_) in zip(cases, draw(artist.catalog, artist.registry, tasks), strict=True):
        mask = np.asarray(picture_of(Raster(picture.width, picture.height, picture.pixels)).convert("L")) > 127
        found.setdefault(ground, []).append(overlap(mask, np.asarray(thing.mask) > 127))
    means = {ground: float(np.mean(overlaps)) for ground, overlaps in found.items()}
    told = ", ".join(f"{ground} {mean:.3f}" for ground, mean in means.items())
    report([f"shapes-matting, {count} scenes, mean IoU: {told}"])
    assert np.mean(list(means.values())) >= TARGET
    assert min(means.values()) >= TARGET - 0.05
