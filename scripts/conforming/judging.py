"""The pictures that clients may send, and what is to be seen in those that came back."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, ImageChops, ImageFilter, ImageStat

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, Thing
from tests.judge import look, silhouette

SIDE = 128
AROUND = 15  # pixels: by so many, made odd, a mask reaches beyond what it covers
CHANGED = 20  # of 255: so much brighter or darker is what was drawn anew, on the average
FADES = 17  # likewise, what lies beyond the mask may still have changed: its edge is blurred


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
        if wanted["masked"]:
            yield from _wrong_place(picture, Path(wanted["file"]).parent)


def _wrong_place(picture: Image.Image, folder: Path) -> Iterator[str]:
    """Whether the scene was drawn anew where its mask is white, and nowhere else."""
    scene, white = Image.open(folder / "scene.png"), Image.open(folder / "white.png")
    changed = ImageChops.difference(picture.convert("RGB"), scene.convert("RGB")).convert("L")
    outside = ImageChops.invert(white.filter(ImageFilter.MaxFilter(FADES)))
    if ImageChops.multiply(changed, outside).getbbox() is not None:
        yield "what lies outside the mask has changed"
    if ImageStat.Stat(changed, white).mean[0] < CHANGED:
        yield "what lies under the mask is as it was"


def differ(files: list[str]) -> bool:
    """Whether any pixel of any of the pictures is another one."""
    return len({Image.open(file).convert("RGB").tobytes() for file in files}) > 1
