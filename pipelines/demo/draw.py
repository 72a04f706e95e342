"""Scenes to pixels: the pictures that the shapes models are trained on, and the truth that they are judged by."""

from collections.abc import Sequence
from math import cos, pi, sin
from random import Random

from PIL import Image, ImageDraw

from pipelines.demo.world import COLOURS, PLACES, SHAPES, SIZES, Scene, Thing

Point = tuple[float, float]

SUPERSAMPLING = 4
RING_HOLE = 0.55
PAIR_RADIUS = 0.19  # two medium shapes must fit side by side
POSITION_JITTER = 0.03
SIZE_JITTER = 0.08


def outline(shape: str) -> list[Point]:
    """The corners of a shape inside the unit circle, y pointing down; curves are polygons of many corners."""
    return {
        "circle": _circle,
        "ring": _circle,
        "square": lambda: [(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)],
        "diamond": lambda: [(0.0, -1.0), (0.75, 0.0), (0.0, 1.0), (-0.75, 0.0)],
        "triangle": lambda: [(0.0, -0.95), (0.95, 0.75), (-0.95, 0.75)],
        "star": _star,
        "cross": _cross,
        "heart": _heart,
    }[shape]()


def _circle() -> list[Point]:
    return [(0.92 * cos(2 * pi * i / 72), 0.92 * sin(2 * pi * i / 72)) for i in range(72)]


def _star() -> list[Point]:
    radii = [1.0, 0.42] * 5
    return [(r * sin(pi * i / 5), -r * cos(pi * i / 5)) for i, r in enumerate(radii)]


def _cross() -> list[Point]:
    arm, half = 0.95, 0.3
    return [
        (-half, -arm), (half, -arm), (half, -half), (arm, -half), (arm, half), (half, half),
        (half, arm), (-half, arm), (-half, half), (-arm, half), (-arm, -half), (-half, -half),
    ]  # fmt: skip


def _heart() -> list[Point]:
    """The usual heart curve, x = 16 sin^3 t, scaled into the unit circle."""
    points = []
    for i in range(72):
        t = 2 * pi * i / 72
        x = 16 * sin(t) ** 3
        y = 13 * cos(t) - 5 * cos(2 * t) - 2 * cos(3 * t) - cos(4 * t)
        points.append((x / 17.5, -(y + 2.5) / 16))
    return points


def draw_scene(scene: Scene, width: int, height: int, random: Random) -> Image.Image:
    """An RGB picture of `width` x `height` pixels; `random` moves and scales each thing a little."""
    canvas = Image.new("RGB", (width * SUPERSAMPLING, height * SUPERSAMPLING), COLOURS[scene.background])
    for thing in scene.things:
        centre, radius = _spot(thing, scene, width, height, random)
        draw_thing(canvas, thing.shape, COLOURS[thing.colour], COLOURS[scene.background], centre, radius)
    return canvas.reduce(SUPERSAMPLING)


def draw_thing(
    canvas: Image.Image,
    shape: str,
    colour: tuple[int, int, int],
    hole: tuple[int, int, int],
    centre: Point,
    radius: float,
) -> None:
    """Paint one shape on a canvas that is SUPERSAMPLING times the picture; `centre` and `radius` in picture pixels."""
    brush = ImageDraw.Draw(canvas)
    brush.polygon(_placed(outline(shape), centre, radius), fill=colour)
    if shape == "ring":
        brush.polygon(_placed(outline(shape), centre, radius * RING_HOLE), fill=hole)


def shape_mask(shape: str, width: int, height: int, centre: Point, radius: float) -> Image.Image:
    """The shape as an L picture, 255 inside, antialiased."""
    canvas = Image.new("RGB", (width * SUPERSAMPLING, height * SUPERSAMPLING))
    draw_thing(canvas, shape, (255, 255, 255), (0, 0, 0), centre, radius)
    return canvas.reduce(SUPERSAMPLING).convert("L")


def _placed(points: Sequence[Point], centre: Point, radius: float) -> list[Point]:
    (x, y), scale = centre, radius * SUPERSAMPLING
    return [(x * SUPERSAMPLING + px * scale, y * SUPERSAMPLING + py * scale) for px, py in points]


def _spot(thing: Thing, scene: Scene, width: int, height: int, random: Random) -> tuple[Point, float]:
    """Where a thing goes and how large, in pixels: its place and size with jitter, kept inside the picture."""
    assert thing.shape in SHAPES
    side = min(width, height)
    share = SIZES[thing.size] if len(scene.things) == 1 else PAIR_RADIUS
    radius = side * share * (1 + random.uniform(-SIZE_JITTER, SIZE_JITTER))
    place_x, place_y = PLACES[thing.place]
    x = place_x * width + random.uniform(-POSITION_JITTER, POSITION_JITTER) * side
    y = place_y * height + random.uniform(-POSITION_JITTER, POSITION_JITTER) * side
    edge = radius + 0.02 * side
    return (min(max(x, edge), width - edge), min(max(y, edge), height - edge)), radius
