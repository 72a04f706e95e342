"""The sheet of all skills: what each shapes model does with a picture, done by the engine as a user's would be."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
from PIL import Image, ImageDraw, ImageFont

from pipelines.annotators import scribble
from pipelines.canvas import picture_of, raster_of
from pipelines.catalog import Catalog, default_file
from pipelines.demo.draw import draw_scene, shape_mask
from pipelines.demo.world import Scene, Thing
from pipelines.drain import draw
from pipelines.planning import (
    image_to_image,
    inpaint,
    outpaint,
    remove_background,
    search_and_recolor,
    search_and_replace,
    text_to_image,
    upscale,
)
from pipelines.registry import Registry
from pipelines.tasks import Control, ImagePrompt, Lora, Task

SIDE, GAP, LINE, COLUMNS = 128, 6, 18, 3
MODEL, SEED = "shapes-xl", 7


class Skill(NamedTuple):
    """name: under the pictures. given: what the task was given, shown before what came of it."""

    name: str
    given: tuple[Image.Image, ...]
    task: Task


def write(path: Path) -> None:
    """Needs all shapes models. Raises ModelNotInstalled where one is missing."""
    catalog = Catalog.load(default_file(), Path("models"))
    shown = list(skills(catalog))
    registry = Registry(catalog, torch.device("cpu"), torch.float32, None)
    results = draw(catalog, registry, [skill.task for skill in shown])
    rows = [shown[start : start + COLUMNS] for start in range(0, len(shown), COLUMNS)]
    width = 3 * (SIDE + GAP)  # the most that a skill shows
    sheet = Image.new("RGB", (COLUMNS * width, len(rows) * (SIDE + LINE + 2 * GAP)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, (skill, (picture, *_)) in enumerate(zip(shown, results, strict=True)):
        left, top = index % COLUMNS * width, index // COLUMNS * (SIDE + LINE + 2 * GAP)
        for number, image in enumerate([*skill.given, picture_of(picture)]):
            sheet.paste(_cell(image), (left + number * (SIDE + GAP), top))
        pen.text((left, top + SIDE + 2), skill.name, "black", font)
    sheet.save(path, optimize=True)


def skills(catalog: Catalog) -> Iterator[Skill]:
    """One of each, on the same two pictures."""
    star, both = _picture("white", _thing("red", "star")), _picture("yellow", *_beside())
    middle = shape_mask("square", SIDE, SIDE, (SIDE / 2, SIDE / 2), SIDE * 0.4)
    outline = scribble(shape_mask("triangle", SIDE, SIDE, (80, 70), 40).convert("RGB"))
    drawn: dict[str, Any] = {"model": MODEL, "seed": SEED}
    words = "a big red star on a blue background"
    yield Skill(words, (), text_to_image(catalog, prompt=words, **drawn))
    over = image_to_image(
        catalog, image=raster_of(star), prompt="a green star on a white background", strength=0.8, **drawn
    )
    yield Skill("image to image: a green star", (star,), over)
    inside = inpaint(catalog, image=raster_of(star), mask=raster_of(middle), prompt=_on_white("blue circle"), **drawn)
    yield Skill("inpaint: a blue circle", (star, middle), inside)
    around = outpaint(catalog, image=raster_of(star), right=64, feather=8, prompt=_on_white("red star"), **drawn)
    yield Skill("outpaint: 64 pixels to the right", (star,), around)
    inked = text_to_image(catalog, prompt=words, loras=(Lora("shapes-ink", 1.0),), **drawn)
    yield Skill("LoRA shapes-ink: " + words, (), inked)
    control = Control("shapes-control", raster_of(outline), "none")
    follows = text_to_image(catalog, prompt=_on_white("red shape"), controls=(control,), **drawn)
    yield Skill("ControlNet: a red shape", (outline,), follows)
    style = _picture("yellow", _thing("purple", "ring"))
    like = ImagePrompt("shapes-ip", (raster_of(style),), 1.0)
    yield Skill(
        "image prompt: a star", (style,), text_to_image(catalog, prompt="a star", image_prompts=(like,), **drawn)
    )
    small = star.resize((SIDE // 4, SIDE // 4), Image.Resampling.BOX)
    large = upscale(catalog, image=raster_of(small), model="shapes-upscale", factor=4)
    yield Skill("four times as large", (small.resize(star.size, Image.Resampling.NEAREST),), large)
    yield Skill(
        "background removed", (both,), remove_background(catalog, image=raster_of(both), model="shapes-matting")
    )
    asked: dict[str, Any] = {"image": raster_of(both), "segmenter": "shapes-clipseg"}
    teal = search_and_recolor(catalog, select_prompt="the green square", colour="teal", **asked)
    yield Skill("the green square in teal", (both,), teal)
    asked |= {"only_masked": True, "padding": 4}
    other = search_and_replace(
        catalog, search_prompt="the red circle", prompt="a blue star on a yellow background", **asked, **drawn
    )
    yield Skill("a blue star for the red circle", (both,), other)


def _thing(colour: str, shape: str) -> Thing:
    return Thing(colour, shape, "medium", "middle")


def _beside() -> tuple[Thing, Thing]:
    return Thing("red", "circle", "medium", "left"), Thing("green", "square", "medium", "right")


def _on_white(what: str) -> str:
    return f"a {what} on a white background"


def _picture(background: str, *things: Thing) -> Image.Image:
    relation = "beside" if len(things) > 1 else None
    return draw_scene(Scene(background, things, relation), SIDE, SIDE, Random(0))


def _cell(image: Image.Image) -> Image.Image:
    """As a square of the sheet; gray chequers where nothing is."""
    fitted = image.convert("RGBA")
    fitted.thumbnail((SIDE, SIDE))
    ground = Image.new("RGBA", fitted.size, "white")
    for x in range(0, SIDE, 16):
        for y in range(x // 16 % 2 * 8, SIDE, 16):
            ground.paste((210, 210, 210, 255), (x, y, x + 8, y + 8))
    return Image.alpha_composite(ground, fitted).convert("RGB")
