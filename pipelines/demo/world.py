"""The world of the shapes models: what a scene may hold, and which scenes are kept for the judge.

One or two flat shapes on a plain background. Everything the demo models can be asked for is named here;
`draw.py` turns a scene into pixels, `captions.py` into a sentence. The server never imports any of the three.
"""

import hashlib
from dataclasses import dataclass
from random import Random

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 40, 40),
    "green": (40, 170, 70),
    "blue": (40, 80, 220),
    "yellow": (245, 215, 50),
    "purple": (140, 60, 190),
    "orange": (245, 140, 30),
    "white": (245, 245, 245),
    "black": (20, 20, 20),
    "pink": (245, 130, 180),
    "cyan": (50, 200, 215),
    "gray": (128, 128, 128),
    "brown": (120, 75, 40),
}
SHAPES = ("circle", "square", "triangle", "star", "heart", "ring", "cross", "diamond")

# Radius of the circle around a shape, as a share of the picture's shorter side.
SIZES = {"small": 0.15, "medium": 0.23, "big": 0.33}

# Where the centre lies, as shares of width and height. The drawer keeps the whole shape inside the picture.
PLACES = {
    "middle": (0.5, 0.5),
    "left": (0.22, 0.5),
    "right": (0.78, 0.5),
    "top": (0.5, 0.22),
    "bottom": (0.5, 0.78),
}

# The places of the first and the second thing of a pair.
RELATIONS = {
    "left of": ("left", "right"),
    "right of": ("right", "left"),
    "above": ("top", "bottom"),
    "below": ("bottom", "top"),
}

HELD_OUT_MODULUS = 20


@dataclass(frozen=True, slots=True)
class Thing:
    """One shape: each field is a key of the table of its name."""

    colour: str
    shape: str
    size: str
    place: str


@dataclass(frozen=True, slots=True)
class Scene:
    """One thing, or two in a relation ("a red circle left of a blue square"), on a plain background."""

    background: str
    things: tuple[Thing, ...]
    relation: str | None = None

    @property
    def name(self) -> str:
        """All attributes in a fixed order: two scenes with the same name differ by jitter alone."""
        words = [self.background, self.relation or "alone"]
        for thing in self.things:
            words += [thing.colour, thing.shape, thing.size, thing.place]
        return " ".join(words)

    @property
    def is_held_out(self) -> bool:
        """True for the combinations that training never sees: the judge's prompts are made of them."""
        digest = hashlib.sha256(self.name.encode()).digest()
        return int.from_bytes(digest[:8]) % HELD_OUT_MODULUS == 0


def random_scene(random: Random, *, held_out: bool, pair: bool = False) -> Scene:
    """A scene from the held-out combinations, or from the others; `pair` asks for two things."""
    while True:
        scene = _pair(random) if pair else _single(random)
        if scene.is_held_out == held_out:
            return scene


def _single(random: Random) -> Scene:
    background, colour = random.sample(list(COLOURS), 2)
    thing = Thing(colour, random.choice(SHAPES), random.choice(list(SIZES)), random.choice(list(PLACES)))
    return Scene(background, (thing,))


def _pair(random: Random) -> Scene:
    background, first, second = random.sample(list(COLOURS), 3)
    relation = random.choice(list(RELATIONS))
    places = RELATIONS[relation]
    things = tuple(
        Thing(colour, random.choice(SHAPES), "medium", place)
        for colour, place in zip((first, second), places, strict=True)
    )
    return Scene(background, things, relation)
