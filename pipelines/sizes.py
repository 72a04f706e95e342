"""The size asked for and the size drawn are two things: what to draw, and how to reach the exact pixels from there."""

from dataclasses import dataclass
from math import ceil, log

import numpy as np
from PIL import Image

from pipelines.catalog import Direct, Model
from pipelines.errors import TaskRefused

UNIT = 8  # pixels of a picture for one of its latent
SNAP = log(1.02)  # a shape within 2 % of the aspect is as good as the aspect itself: so much is cut off
WRAPPED = 32  # pixels beyond an edge: Lanczos looks at three of the smaller picture's, so down to a tenth of the size
AREA_COUNTS = 0.1  # an area that is 10 % off is as bad as an aspect that is 1 % off


@dataclass(frozen=True, slots=True)
class SizePlan:
    """Draw render_width x render_height, both multiples of 8, then `finish` it to width x height."""

    width: int
    height: int
    render_width: int
    render_height: int

    @property
    def rendered(self) -> tuple[int, int]:
        return self.render_width, self.render_height


def plan(width: int, height: int, model: Model) -> SizePlan:
    """How `model` makes a picture of width x height pixels. The first rule that fits decides:

    1. A size inside the model's `direct` range is drawn as it is, rounded up to multiples of 8; the rest is cut off.
    2. A native shape whose aspect is within 2 % of the asked one: the nearest in aspect, then in area to the first.
    3. Any other: multiples of 8 inside the sides of `direct`, within 2 % of the asked aspect where that is possible,
       and then as near as can be to the aspect and to the area of the first native size.

    Raises TaskRefused where the picture would have to be enlarged and the model's entry says `oversize: refuse`.
    """
    direct = model.direct
    if direct is None:
        raise TaskRefused("This model does not draw pictures of a size of your choice; choose another.", field="model")
    if _fits(width, height, direct):
        return SizePlan(width, height, *(ceil(side / UNIT) * UNIT for side in (width, height)))
    render_width, render_height = _native(width / height, model) or _fitted(width / height, model, direct)
    if model.oversize == "refuse" and (width > render_width or height > render_height):
        sentence = (
            f"This model draws up to {direct.max_side} pixels a side and {direct.max_pixels} in all; ask for less."
        )
        raise TaskRefused(sentence, field="width" if width >= height else "height")
    return SizePlan(width, height, render_width, render_height)


def shaped(aspect: float, model: Model) -> tuple[int, int]:
    """The width and height that `model` draws best where only width / height is asked for.

    Raises TaskRefused where the model draws nothing of a size of one's choice.
    """
    if model.direct is None:
        raise TaskRefused("This model does not draw pictures of a size of your choice; choose another.", field="model")
    return _native(aspect, model) or _fitted(aspect, model, model.direct)


def finish(image: Image.Image, plan: SizePlan) -> Image.Image:
    """`image`, as drawn or enlarged by an upscaler, at exactly the size asked for.

    A surplus of less than 8 pixels is cut off evenly, so nothing is resampled; otherwise the largest centred part of
    the right aspect is resampled (Lanczos, which also averages when it reduces).
    """
    spare_width, spare_height = image.width - plan.width, image.height - plan.height
    if 0 <= spare_width < UNIT and 0 <= spare_height < UNIT:
        x, y = spare_width // 2, spare_height // 2
        return image.crop((x, y, x + plan.width, y + plan.height))
    scale = min(image.width / plan.width, image.height / plan.height)
    left = max(0.0, (image.width - plan.width * scale) / 2)  # a rounding error must not lead outside
    top = max(0.0, (image.height - plan.height * scale) / 2)
    box = (left, top, image.width - left, image.height - top)
    return image.resize((plan.width, plan.height), Image.Resampling.LANCZOS, box=box)


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture that goes on at its other edge at another size, so that it does so still.

    Nothing is cut off, whatever the aspect; what is resampled (Lanczos) at an edge looks beyond it.
    """
    if image.size == size:
        return image
    margin = [(WRAPPED, WRAPPED)] * 2
    wider = Image.fromarray(np.pad(np.asarray(image), [*margin, (0, 0)], mode="wrap"))
    box = (WRAPPED, WRAPPED, WRAPPED + image.width, WRAPPED + image.height)
    return wider.resize(size, Image.Resampling.LANCZOS, box=box)


def spread(image: Image.Image, plan: SizePlan) -> Image.Image:
    """The other way: an image of plan.width x plan.height, whatever its mode, at the size that the model draws.

    `finish` brings it back. Where the aspects differ, the edges are repeated outwards.
    """
    scale = 1.0
    if plan.render_width - plan.width not in range(UNIT) or plan.render_height - plan.height not in range(UNIT):
        scale = min(plan.render_width / plan.width, plan.render_height / plan.height)
    width, height = (max(1, round(side * scale)) for side in (plan.width, plan.height))
    pixels = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS) if scale != 1 else image)
    left, top = (plan.render_width - width) // 2, (plan.render_height - height) // 2
    margins = [(top, plan.render_height - height - top), (left, plan.render_width - width - left)]
    return Image.fromarray(np.pad(pixels, margins + [(0, 0)] * (pixels.ndim - 2), mode="edge"))


def _fits(width: int, height: int, direct: Direct) -> bool:
    sides = direct.min_side <= min(width, height) and max(width, height) <= direct.max_side
    return sides and direct.min_pixels <= width * height <= direct.max_pixels


def _native(aspect: float, model: Model) -> tuple[int, int] | None:
    area = model.native_sizes[0][0] * model.native_sizes[0][1]

    def distance(size: tuple[int, int]) -> tuple[float, int]:
        return abs(log(size[0] / size[1] / aspect)), abs(size[0] * size[1] - area)

    nearest = min(model.native_sizes, key=distance)
    return nearest if distance(nearest)[0] <= SNAP else None


def _fitted(aspect: float, model: Model, direct: Direct) -> tuple[int, int]:
    area = model.native_sizes[0][0] * model.native_sizes[0][1]
    sides = range(direct.min_side, direct.max_side + 1, UNIT)

    def cost(size: tuple[int, int]) -> tuple[float, float]:
        error = abs(log(size[0] / size[1] / aspect))
        return max(0.0, error - SNAP), error + AREA_COUNTS * abs(log(size[0] * size[1] / area))

    return min(((width, height) for height in sides for width in _roundings(height * aspect, direct)), key=cost)


def _roundings(side: float, direct: Direct) -> tuple[int, int]:
    """The multiples of 8 below and above, inside the model's sides."""
    down = int(side) // UNIT * UNIT
    low, high = (min(max(rounded, direct.min_side), direct.max_side) for rounded in (down, down + UNIT))
    return low, high
