"""The sample sheet: twenty-four prompts of held-out combinations, drawn by the engine as a user's would be."""

from pathlib import Path
from random import Random

import torch
from PIL import Image

from pipelines.canvas import picture_of
from pipelines.catalog import Catalog, default_file
from pipelines.demo.captions import sentence
from pipelines.demo.world import random_scene
from pipelines.drain import draw
from pipelines.planning import text_to_image
from pipelines.registry import Registry

COLUMNS, ROWS, SIDE, GAP = 8, 3, 128, 4


def write(path: Path) -> None:
    """Two rows of single things, one row of pairs, seed 1 each."""
    random = Random(1)
    pair_from = COLUMNS * (ROWS - 1)
    scenes = [random_scene(random, held_out=True, pair=index >= pair_from) for index in range(COLUMNS * ROWS)]
    catalog = Catalog.load(default_file(), Path("models"))
    registry = Registry(catalog, torch.device("cpu"), torch.float32, None)
    tasks = [
        text_to_image(catalog, model="shapes-xl", prompt=sentence(scene, random), width=SIDE, height=SIDE, seed=1)
        for scene in scenes
    ]
    sheet = Image.new("RGB", (COLUMNS * (SIDE + GAP) - GAP, ROWS * (SIDE + GAP) - GAP), "white")
    for index, (picture,) in enumerate(draw(catalog, registry, tasks)):
        sheet.paste(picture_of(picture), (index % COLUMNS * (SIDE + GAP), index // COLUMNS * (SIDE + GAP)))
    path.parent.mkdir(exist_ok=True)
    sheet.save(path, optimize=True)
