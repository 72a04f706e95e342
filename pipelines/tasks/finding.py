"""What can be done to a part of a given picture that is found first: by words, or because it stands out."""

from dataclasses import dataclass

from pipelines.tasks.drawing import Inpaint, Raster
from pipelines.tasks.processing import Edge, Processing

LIGHT_DIRECTIONS = ("above", "below", "left", "right")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAndRecolor(Processing):
    """What the words name in `image` in another colour, as hexadecimal, with its light and shade as they were.

    model: of kind `segmenter`. dilation: pixels by which the part reaches further than what was found.
    """

    words: str
    colour: str
    dilation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAndReplace(Processing):
    """What the words name in `image`, drawn anew. model, dilation: as in SearchAndRecolor.

    drawn: how; `image`, opaque, and the mask of what was found take the place of its own.
    """

    words: str
    dilation: int
    drawn: Inpaint


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceBackground(Processing):
    """The foreground of `image` in front of another background. model, edge: as in RemoveBackground.

    background: a picture fitted as `fit` says, a colour as hexadecimal, or None: it is drawn. preserve: 0 to 1, how
    much of the foreground's own pixels is left where it is drawn over. drawn: how the background is drawn, or how the
    two are drawn over to become one picture; None where they are not. Its image and mask come later.
    """

    edge: Edge
    background: Raster | str | None = None
    fit: str = "crop"
    preserve: float = 1.0
    drawn: Inpaint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relight(ReplaceBackground):
    """`image` in another light, its foreground in front of `background`, or in front of its own where that is None.

    direction: where the light comes from, one of LIGHT_DIRECTIONS, or None. reference: a picture that is lit so; else
    the new background says it. light: 0 to 1, how far pixels take on direction and reference. drawn: as the words say.
    """

    direction: str | None = None
    reference: Raster | None = None
    light: float = 0.5
