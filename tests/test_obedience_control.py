"""The shapes ControlNet: what the words ask for is drawn where the outline lies, the more so the more it weighs."""

from collections.abc import Callable, Sequence
from random import Random

import numpy as np
import pytest
from PIL import Image

from pipelines.annotators import scribble
from pipelines.canvas import raster_of
from pipelines.demo.draw import shape_mask
from pipelines.demo.world import SHAPES
from pipelines.tasks import Control
from tests.judge import look, overlap, silhouette
from tests.shapes import Artist, needs, percent

SIDE = 128
COLOURS = ("red", "green", "blue", "purple", "black", "brown")
TARGET = 0.75

pytestmark = [pytest.mark.draws, needs("shapes-control", "controlnet")]


def outlined(count: int) -> list[tuple[Image.Image, str]]:
    """Masks of shapes anywhere, of any size that training drew, and the colours to paint them in."""
    random, cases = Random(2026), list[tuple[Image.Image, str]]()
    for index in range(count):
        radius = SIDE * random.uniform(0.15, 0.35)
        centre = random.uniform(radius, SIDE - radius), random.uniform(radius, SIDE - radius)
        cases.append((shape_mask(SHAPES[index % len(SHAPES)], SIDE, SIDE, centre, radius), random.choice(COLOURS)))
    return cases


def followed(
    artist: Artist, cases: Sequence[tuple[Image.Image, str]], weight: float
) -> tuple[float, list[bool], list[bool]]:
    """The mean IoU of what was drawn with what was outlined; whose colours and whose backgrounds are right."""
    tasks = []
    for seed, (mask, colour) in enumerate(cases):
        control = Control("shapes-control", raster_of(scribble(mask.convert("RGB"))), "none", weight)
        tasks.append(artist.task(f"a {colour} shape on a white background", seed=seed, controls=(control,)))
    images = artist.draw(tasks)
    overlaps = [
        overlap(silhouette(image), np.asarray(mask) > 127) for image, (mask, _) in zip(images, cases, strict=True)
    ]
    sights = [look(image) for image in images]
    colours = [sight.colour == colour for sight, (_, colour) in zip(sights, cases, strict=True)]
    return float(np.mean(overlaps)), colours, [sight.background == "white" for sight in sights]


@pytest.mark.parametrize("count", [16, pytest.param(100, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_shapes_are_drawn_where_they_are_outlined(
    artist: Artist, report: Callable[[list[str]], None], count: int
) -> None:
    mean, colours, backgrounds = followed(artist, outlined(count), 1.0)
    report(
        [
            f"shapes-control, {count} outlines: mean IoU {mean:.3f}; colour right {percent(colours)} %, "
            f"background {percent(backgrounds)} %"
        ]
    )
    assert mean >= TARGET
    assert percent(colours) >= 80
    assert percent(backgrounds) >= 80


def test_the_outline_counts_for_less_as_its_weight_falls(artist: Artist) -> None:
    cases = outlined(16)
    whole, half, none = (followed(artist, cases, weight)[0] for weight in (1.0, 0.4, 0.0))
    assert whole > half > none
    assert none < TARGET / 2
