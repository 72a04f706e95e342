"""The shapes upscaler: sharper than bicubic by far, and without a seam."""

import subprocess
import sys
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from pipelines.canvas import picture_of, raster_of
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import random_scene
from pipelines.drain import draw
from pipelines.planning import upscale
from pipelines.upscale.tiles import Grid, side_for
from tests.shapes import Artist, needs

SCALE, SIDE = 4, 128
LEAST_GAIN_DB = 3.0
Levels = NDArray[np.float64]

ENLARGE = """
import re, sys
from pathlib import Path
from PIL import Image
from pipelines.canvas import raster_of
from pipelines.drain import draw
from pipelines.logs import configure_logs
from pipelines.planning import upscale
from tests.shapes import Artist

configure_logs()
artist, side = Artist(), int(sys.argv[1])
image = raster_of(Image.new("RGB", (side, side), "red"))
task = upscale(artist.catalog, image=image, model="shapes-upscale", mode="conservative", factor=4)
((picture,),) = draw(artist.catalog, artist.registry, [task])
assert (picture.width, picture.height) == (4 * side, 4 * side)
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])  # KiB; rusage has the parent's too
"""

pytestmark = [pytest.mark.draws, needs("shapes-upscale", "upscale")]


def enlarged(artist: Artist, images: list[Image.Image]) -> list[Image.Image]:
    tasks = [
        upscale(artist.catalog, image=raster_of(image), model="shapes-upscale", mode="conservative", factor=SCALE)
        for image in images
    ]
    drawn = [pictures[0] for pictures in draw(artist.catalog, artist.registry, tasks)]
    return [picture_of(one) for one in drawn]


def scenes(count: int, side: int) -> list[Image.Image]:
    random = Random(2026)
    kinds = [random_scene(random, held_out=True, pair=index % 4 == 3) for index in range(count)]
    return [draw_scene(scene, side, side, random) for scene in kinds]


def psnr(one: Image.Image, other: Image.Image) -> float:
    """In dB, of levels of 255."""
    error = ((np.asarray(one, float) - np.asarray(other, float)) ** 2).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@pytest.mark.parametrize("count", [8, pytest.param(40, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
def test_it_beats_bicubic(artist: Artist, report: Callable[[list[str]], None], count: int) -> None:
    large = scenes(count, SIDE * SCALE)
    small = [image.resize((SIDE, SIDE), Image.Resampling.BOX) for image in large]
    bicubic = [image.resize((SIDE * SCALE, SIDE * SCALE), Image.Resampling.BICUBIC) for image in small]
    ours = np.mean([psnr(one, other) for one, other in zip(enlarged(artist, small), large, strict=True)])
    theirs = np.mean([psnr(one, other) for one, other in zip(bicubic, large, strict=True)])
    report([f"shapes-upscale, {count} scenes: {ours:.1f} dB PSNR, bicubic {theirs:.1f}"])
    assert ours >= theirs + LEAST_GAIN_DB


@pytest.mark.parametrize("kind", ["waves", "scene"])
def test_tiles_show_no_seam_because_they_are_the_picture_drawn_as_a_whole(artist: Artist, kind: str) -> None:
    """To a rounding, away from the edge of the picture: a tile sees around it all that the network looks at."""
    side, edge = 300, 24
    assert len(Grid(side, side, side_for(side, side))) > 1
    small = _waves(side) if kind == "waves" else scenes(1, side)[0]
    (tiled,) = enlarged(artist, [small])
    inside = np.s_[SCALE * edge : -SCALE * edge, SCALE * edge : -SCALE * edge]
    assert np.abs(np.asarray(tiled, float)[inside] - _in_one_pass(artist, small)[inside]).max() <= 1


@pytest.mark.parametrize(
    ("side", "most_gib"), [(256, 1.5), pytest.param(2048, 2.5, marks=[pytest.mark.full, pytest.mark.timeout(1800)])]
)
def test_memory_hardly_grows_with_the_picture(side: int, most_gib: float) -> None:
    """Of a whole process, torch and diffusers among it, on a CPU."""
    run = subprocess.run([sys.executable, "-c", ENLARGE, str(side)], capture_output=True, text=True, check=True)
    assert int(run.stdout) / 2**20 < most_gib


def _in_one_pass(artist: Artist, image: Image.Image) -> Levels:
    """The same network's enlargement without tiles, (height, width, 3)."""
    network = artist.registry.tools.upscaler("shapes-upscale")
    with torch.inference_mode():
        whole = network.enlarge(torch.from_numpy(np.array(image))[None], torch.zeros(1))[0]
    return whole.clamp(0, 1).permute(1, 2, 0).double().numpy() * 255


def _waves(side: int) -> Image.Image:
    """Waves that cross the borders of tiles slanting, in all phases."""
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    phases = np.stack([across + 2 * down, 2 * across - down, across - 1.3 * down], axis=-1) / 20
    return Image.fromarray((128 + 100 * np.sin(phases)).astype(np.uint8))
