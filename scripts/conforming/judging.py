"""The pictures that clients may send, and what is to be seen in those that came back."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, ImageChops, ImageFilter

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, Thing
from tests.judge import look, silhouette

SIDE = 128
AROUND = 15  # pixels: by so many, made odd, a mask reaches beyond what it covers


def give(folder: Path) -> None:
    """`scene`: a big blue star on white; `white` and `clear`: its mask, white or transparent where it lies."""
    scene = draw_scene(Scene("white", (Thing("blue", "star", "big", "middle"),)), SIDE, SIDE, Random(1))
    lies = Image.fromarray(silhouette(scene).astype("uint8") * 255).filter(ImageFilter.MaxFilter(AROUND))
    clear = scene.convert("RGBA")
    clear.putalpha(ImageChops.invert(lies))
    for name, picture in (("scene", scene), ("white", lies), ("clear", clear)):
        picture.save(folder / f"{name}.png")


def wrong(told: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the pictures of a check."""
    for wanted in told["pictures"]:
        picture = Image.open(wanted["file"])
        if picture.size != tuple(wanted["size"]):
            yield f"the picture is {picture.width}x{picture.height}"
        if wanted["shows"]:
            seen = look(picture.convert("RGB").resize((SIDE, SIDE)))
            for name, value in wanted["shows"].items():
                if getattr(seen, name) != value:
                    yield f"the picture's {name} is {getattr(seen, name)}, not {value}"


def differ(files: list[str]) -> bool:
    """Whether any pixel of any of the pictures is another one."""
    return len({Image.open(file).convert("RGB").tobytes() for file in files}) > 1
