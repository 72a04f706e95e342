"""The embedded upscaler judged: nearer to the picture drawn large than bicubic, and without seams."""

from random import Random

import numpy as np
import pytest
from PIL import Image

from pipelines.canvas import picture_of, raster_of
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import random_scene
from pipelines.drain import draw
from pipelines.processing import upscale
from pipelines.tasks import Raster
from pipelines.upscale.tiles import Grid, side_for
from tests.shapes import Artist

pytestmark = pytest.mark.draws

SCALE = 4


def large_scenes(count: int, side: int = 512) -> list[Image.Image]:
    """Held-out scenes, drawn large."""
    random = Random(11)
    scenes = [random_scene(random, held_out=True, pair=index % 4 == 3) for index in range(count)]
    return [draw_scene(scene, side, side, random) for scene in scenes]


def enlarged(artist: Artist, images: list[Image.Image]) -> list[Image.Image]:
    tasks = [upscale(artist.catalog, image=raster_of(image), model="shapes-upscale", factor=SCALE) for image in images]
    pictures = [pictures[0] for pictures in draw(artist.catalog, artist.registry, tasks)]
    return [picture_of(Raster(one.width, one.height, one.pixels)) for one in pictures]


def psnr(one: Image.Image, other: Image.Image) -> float:
    """In dB, of levels of 255."""
    errors = (np.asarray(one, np.float64) - np.asarray(other, np.float64)) ** 2
    return float(10 * np.log10(255**2 / errors.mean()))


def test_it_beats_bicubic_by_three_decibels(artist: Artist) -> None:
    truths = large_scenes(12)
    small = [truth.reduce(SCALE) for truth in truths]
    ours = [psnr(large, truth) for large, truth in zip(enlarged(artist, small), truths, strict=True)]
    bicubic = [
        psnr(image.resize(truth.size, Image.Resampling.BICUBIC), truth)
        for image, truth in zip(small, truths, strict=True)
    ]
    assert np.mean(ours) >= np.mean(bicubic) + 3


def test_no_seam_shows_where_tiles_meet(artist: Artist) -> None:
    """On a gentle slope of colours neighbours differ as much across the borders of tiles as elsewhere."""
    width, height = 600, 400
    grid = Grid(width, height, side_for(width, height))
    assert grid.columns > 1
    across, down = np.meshgrid(np.linspace(30, 220, width), np.linspace(220, 30, height))
    slope = np.stack([across, down, (across + down) / 2], axis=-1).round().astype(np.uint8)
    (large,) = enlarged(artist, [Image.fromarray(slope)])
    pixels = np.asarray(large, np.float64)
    steps = np.abs(np.diff(pixels, axis=1)).mean(axis=(0, 2))
    borders = np.array([SCALE * grid.step * column for column in range(1, grid.columns)])
    around = np.unique(np.concatenate([borders + offset for offset in range(-32, 32)]))
    elsewhere = np.delete(steps, around)
    assert steps[around].mean() <= 1.05 * elsewhere.mean()
