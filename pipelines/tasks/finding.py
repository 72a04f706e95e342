"""What can be done to a part of a given picture that is found first: by words, or because it stands out."""

from dataclasses import dataclass

from pipelines.tasks.drawing import Inpaint
from pipelines.tasks.processing import Processing


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
