"""Pictures that tests send: things of the shapes' world, and masks as OpenAI has them."""

import base64
import io
from random import Random

from PIL import Image, ImageDraw

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, Thing

Box = tuple[int, int, int, int]


def file_of(image: Image.Image, format_: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, format_)
    return file.getvalue()


def plain(colour: str = "white", size: tuple[int, int] = (64, 64)) -> bytes:
    return file_of(Image.new("RGB", size, colour))


def scene(colour: str, shape: str, background: str, side: int = 128) -> bytes:
    """A big thing in the middle."""
    return file_of(draw_scene(Scene(background, (Thing(colour, shape, "big", "middle"),)), side, side, Random(1)))


def mask_with_hole(size: tuple[int, int], hole: Box) -> bytes:
    """Opaque, but for the hole: left, top, right, bottom."""
    mask = Image.new("RGBA", size, (0, 0, 0, 255))
    ImageDraw.Draw(mask).rectangle(hole, fill=(0, 0, 0, 0))
    return file_of(mask)


def opened(content: bytes | str) -> Image.Image:
    """Of a file, or of one in base64."""
    image = Image.open(io.BytesIO(base64.b64decode(content) if isinstance(content, str) else content))
    image.load()
    return image
