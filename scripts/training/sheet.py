"""The sample sheet: twenty-four prompts of held-out combinations, drawn by the engine as a user's would be."""

from pathlib import Path
from random import Random

import torch
from PIL import Image

from pipelines.catalog import Catalog, default_file
from pipelines.demo.captions import sentence
from pipelines.demo.world import random_scene
from pipelines.engine.loop import Engine
from pipelines.engine.protocol import Event, Finished
from pipelines.planning import text_to_image
from pipelines.registry import Registry

COLUMNS, ROWS, SIDE, GAP = 8, 3, 128, 4


def write(path: Path) -> None:
    random = Random(1)
    scenes = [random_scene(random, held_out=True, pair=index >= COLUMNS * (ROWS - 1)) for index in range(COLUMNS * ROWS)]
    pictures = draw([sentence(scene, random) for scene in scenes])
    sheet = Image.new("RGB", (COLUMNS * (SIDE + GAP) - GAP, ROWS * (SIDE + GAP) - GAP), "white")
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index % COLUMNS * (SIDE + GAP), index // COLUMNS * (SIDE + GAP)))
    path.parent.mkdir(exist_ok=True)
    sheet.save(path, optimize=True)


def draw(prompts: list[str]) -> list[Image.Image]:
    """One picture a prompt, by the model's defaults, seed 1, at SIDE x SIDE pixels."""
    catalog = Catalog.load(default_file(), Path("models"))
    events: list[Event] = []
    engine = Engine(catalog, Registry(catalog, torch.device("cpu"), torch.float32, None), events.append)
    for index, prompt in enumerate(prompts):
        task = text_to_image(catalog, model="shapes-xl", prompt=prompt, width=SIDE, height=SIDE, seed=1)
        engine.submit(f"{index:04}", task)
    while engine.turn():
        pass
    finished = sorted((event for event in events if isinstance(event, Finished)), key=lambda event: event.job_id)
    return [
        Image.frombytes("RGB", (picture.width, picture.height), picture.pixels)
        for event in finished
        for picture in event.pictures
    ]
