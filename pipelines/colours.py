"""A colour as people write it: a name, or hexadecimal."""

import re

from PIL import ImageColor

from pipelines.errors import TaskRefused

WORDS = re.compile(r"#[0-9a-f]+|[a-z]+")
Colour = tuple[int, int, int]  # red, green and blue, 0 to 255


def colour_of(text: str, field: str) -> Colour:
    """A name of CSS ("teal"), "#rgb" or "#rrggbb". Raises TaskRefused, which blames `field`."""
    try:
        red, green, blue = ImageColor.getcolor(text.strip(), "RGB")[:3]  # type: ignore[index]  # RGB gives a tuple
    except ValueError as error:
        raise TaskRefused(
            f"{field} must be the name of a colour, or hexadecimal as in #00aaff.", field=field
        ) from error
    return red, green, blue


def hexadecimal(text: str, field: str) -> str:
    """The same as "#rrggbb". Raises TaskRefused, which blames `field`."""
    return "#{:02x}{:02x}{:02x}".format(*colour_of(text, field))


def named_in(text: str) -> str | None:
    """The last colour that a sentence names, in one word or in two ("light blue"), as "#rrggbb"; None where none is."""
    words = WORDS.findall(text.lower())
    for place in range(len(words) - 1, -1, -1):
        for name in ("".join(words[max(0, place - 1) : place + 1]), words[place]):
            if name in ImageColor.colormap or re.fullmatch(r"#([0-9a-f]{3}){1,2}", name):
                return hexadecimal(name, "prompt")
    return None
