"""What comes out of a task: pictures, and what is to be said of one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colour:
    """hex: "#rrggbb". share: of the picture that it stands for, 0 to 1."""

    hex: str
    share: float


@dataclass(frozen=True, slots=True)
class Face:
    """box: left, top, right, bottom in pixels, inside the picture. score: how sure the detector is, 0 to 1; None where
    it does not say.
    """

    box: tuple[int, int, int, int]
    score: float | None


@dataclass(frozen=True, slots=True)
class Object:
    """A thing as the detector calls it; score: how sure it is, 0 to 1. box: left, top, right, bottom in pixels."""

    name: str
    score: float
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Setting:
    """By the name that AUTOMATIC1111's web UI has for it."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a picture's file says of how it was made. text: the whole of it; the rest: as `infotext` reads it."""

    text: str
    prompt: str
    negative_prompt: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """colours: the commonest first. perceptual_hash, sharpness: see `pipelines.analysis`. faces: the largest first.

    objects: the surest first. caption: a sentence. nsfw_score: 0 to 1. aesthetic_score: about 1 to 10. embedded: None
    where the file says nothing; of the others, each is None where no model of its kind is installed.
    """

    colours: tuple[Colour, ...]
    perceptual_hash: str
    sharpness: float
    faces: tuple[Face, ...]
    objects: tuple[Object, ...] | None = None
    caption: str | None = None
    nsfw_score: float | None = None
    aesthetic_score: float | None = None
    embedded: Embedded | None = None


@dataclass(frozen=True, slots=True)
class Foreground:
    """method: what found it, "network" or "grabcut". share: of the picture, 0 to 1. bounds: of what is more foreground
    than not: left, top, right, bottom in pixels; None where nothing is.
    """

    method: str
    share: float
    bounds: tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class RestoredFaces:
    """faces: where they are, the largest first. found: how many. restored: of how many a network drew the details."""

    faces: tuple[Face, ...]
    found: int
    restored: int


Facts = Description | Foreground | RestoredFaces


@dataclass(frozen=True, slots=True)
class Picture:
    """One result in memory: `pixels` are rows from the top, 3 bytes of RGB a pixel, 4 of RGBA, or 1 of a mask.

    seed: None where nothing was drawn at random. rendered: the width and height that the model drew; where it differs
    from the size asked for the picture was enlarged or reduced (`pipelines.sizes`). model: the id of the model that
    made it, or None.
    """

    width: int
    height: int
    pixels: bytes
    seed: int | None
    rendered: tuple[int, int]
    model: str | None
