"""The judge: looks at a picture and says what it shows. It knows the world's colours and outlines, and no network.

It segments by colour, takes the bounding box of what is not background, and compares the silhouette with every
shape drawn into that box. Like a person, it goes by the background as it is painted and overlooks specks: lines and
dots of one or two pixels are no things. Tested on drawn scenes in test_judge.py.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pipelines.demo.draw import outline, shape_mask
from pipelines.demo.world import COLOURS, RELATIONS, SHAPES, SIZES, Scene

NAMES = tuple(COLOURS)
PALETTE = np.array([COLOURS[name] for name in NAMES], dtype=np.float32)

OFF_CENTRE = 0.1  # share of width or height by which a thing must be off the middle to be "on the left" and so on
LEAST_AREA = 0.003  # share of the picture: less than this is specks, not a thing
LEAST_IOU = 0.6
DISTINCT = 48.0  # RGB distance from the background that makes a pixel part of a thing

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sight:
    """What the judge saw. Strings are "" when there is no thing. iou: of the silhouette with the shape named.

    centre: of the bounding box, as shares of width and height. area, radius: share of the picture, and of its
    shorter side.
    """

    background: str
    colour: str = ""
    shape: str = ""
    place: str = ""
    size: str = ""
    iou: float = 0.0
    centre: tuple[float, float] = (0.0, 0.0)
    area: float = 0.0
    radius: float = 0.0


def silhouette(image: Image.Image) -> Mask:
    """Where things are: (height, width)."""
    pixels = _pixels(image)
    return _foreground(pixels, _background(pixels))


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def look(image: Image.Image) -> Sight:
    """What a picture of one thing shows."""
    pixels = _pixels(image)
    behind = _background(pixels)
    return _thing(pixels, _foreground(pixels, behind), _name(behind))


def look_at_pair(image: Image.Image, relation: str) -> tuple[Sight, Sight]:
    """What the two halves of a picture show, in the order of the relation's words."""
    pixels = _pixels(image)
    behind = _background(pixels)
    background, mask = _name(behind), _foreground(pixels, behind)
    height, width = mask.shape
    first = np.zeros_like(mask)
    if RELATIONS[relation][0] in ("left", "right"):
        first[:, : width // 2] = True
    else:
        first[: height // 2] = True
    if RELATIONS[relation][0] in ("right", "bottom"):
        first = ~first
    return _thing(pixels, mask & first, background), _thing(pixels, mask & ~first, background)


def verdict(image: Image.Image, scene: Scene) -> dict[str, bool]:
    """Property -> is it as the scene says; for two things, "both" says that all of both is right."""
    if scene.relation is None:
        (thing,) = scene.things
        seen = look(image)
        return {
            "background": seen.background == scene.background,
            "colour": seen.colour == thing.colour,
            "place": seen.place == thing.place,
            "shape": seen.shape == thing.shape and seen.iou >= LEAST_IOU,
            "size": seen.size == thing.size,
        }
    sights = look_at_pair(image, scene.relation)
    right = [
        seen.colour == thing.colour and seen.shape == thing.shape
        for seen, thing in zip(sights, scene.things, strict=True)
    ]
    return {"background": sights[0].background == scene.background, "both": all(right)}


def _pixels(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image.convert("RGB").filter(ImageFilter.MedianFilter(3)), dtype=np.float32)


def _name(colour: NDArray[np.float32]) -> str:
    return NAMES[int(np.argmin(((PALETTE - colour) ** 2).sum(axis=1)))]


def _background(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The colour that most of the border has, as it is painted."""
    border = np.concatenate([pixels[:3].reshape(-1, 3), pixels[-3:].reshape(-1, 3), pixels[:, :3].reshape(-1, 3)])
    border = np.concatenate([border, pixels[:, -3:].reshape(-1, 3)])
    return np.asarray(np.median(border, axis=0), dtype=np.float32)


def _foreground(pixels: NDArray[np.float32], behind: NDArray[np.float32]) -> Mask:
    """What differs from the background, but for specks: what erosion by 3 pixels leaves, grown back inside itself."""
    mask = np.sqrt(((pixels - behind) ** 2).sum(axis=2)) > DISTINCT
    kept, size = _filtered(mask, ImageFilter.MinFilter(3)), -1
    while kept.sum() != size:
        size = kept.sum()
        kept = _filtered(kept, ImageFilter.MaxFilter(3)) & mask
    return kept


def _filtered(mask: Mask, by: ImageFilter.RankFilter) -> Mask:
    return np.asarray(Image.fromarray(mask).convert("L").filter(by)) > 0


def _thing(pixels: NDArray[np.float32], mask: Mask, background: str) -> Sight:
    height, width = mask.shape
    if mask.mean() < LEAST_AREA:
        return Sight(background)
    (top, bottom), (left, right) = _extent(mask.sum(axis=1)), _extent(mask.sum(axis=0))
    box = (left, top, right, bottom)
    shape, iou, radius = _best_shape(mask, box)
    centre = ((box[0] + box[2]) / 2 / width, (box[1] + box[3]) / 2 / height)
    share = radius / min(width, height)
    return Sight(
        background=background,
        colour=_name(np.median(pixels[_inside(mask)], axis=0)),
        shape=shape,
        place=_place(*centre),
        size=min(SIZES, key=lambda name: abs(SIZES[name] - share)),
        iou=iou,
        centre=centre,
        area=float(mask.mean()),
        radius=share,
    )


def _extent(counts: NDArray[np.int_]) -> tuple[float, float]:
    """Where the thing begins and ends along an axis; lines with next to nothing on them are specks."""
    lines = np.nonzero(counts >= max(1, 0.02 * counts.max()))[0]
    return float(lines[0]), float(lines[-1]) + 1


def _inside(mask: Mask) -> Mask:
    """The mask without its edge, where colours mix; the whole mask where nothing would be left."""
    image = Image.fromarray(mask).convert("L").filter(ImageFilter.MinFilter(5))
    core = np.asarray(image) > 0
    return core if core.any() else mask


def _place(x: float, y: float) -> str:
    if max(abs(x - 0.5), abs(y - 0.5)) < OFF_CENTRE:
        return "middle"
    if abs(x - 0.5) > abs(y - 0.5):
        return "left" if x < 0.5 else "right"
    return "top" if y < 0.5 else "bottom"


def _best_shape(mask: Mask, box: tuple[float, float, float, float]) -> tuple[str, float, float]:
    fits = [(name, *_fit(mask, name, box)) for name in SHAPES]
    return max(fits, key=lambda fit: fit[1])


def _fit(mask: Mask, shape: str, box: tuple[float, float, float, float]) -> tuple[float, float]:
    """IoU of the mask with a shape drawn to fill the box, and that shape's radius in pixels."""
    points = np.array(outline(shape))
    low, high = points.min(axis=0), points.max(axis=0)
    left, top, right, bottom = box
    radius = ((right - left) / (high[0] - low[0]) + (bottom - top) / (high[1] - low[1])) / 2
    middle = (low + high) / 2
    centre = ((left + right) / 2 - radius * middle[0], (top + bottom) / 2 - radius * middle[1])
    drawn = np.asarray(shape_mask(shape, mask.shape[1], mask.shape[0], centre, float(radius))) > 127
    return overlap(mask, drawn), float(radius)
