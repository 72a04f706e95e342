"""Every filter with its parameters, in one table: to be listed, checked and applied.

The defaults do something that can be seen: who names a filter and no more wants it to act.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image

from pipelines.canvas import in_rgb
from pipelines.errors import TaskRefused
from pipelines.filters import artistic, texture, tone
from pipelines.filters.words import Choice, Number, Parameter, Step, Whole, read
from pipelines.tasks import SEED_LIMIT


@dataclass(frozen=True, slots=True)
class Filter:
    """apply: takes an RGB picture and the parameters by name, and gives an RGB picture of the same size."""

    apply: Callable[..., Image.Image]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


def _intensity(default: float) -> dict[str, Parameter]:
    return {"intensity": Number(default, 0, 1, "0 leaves the picture as it is, 1 is the whole effect")}


def _factor(default: float) -> dict[str, Parameter]:
    return {"value": Number(default, 0, 4, "a factor, 1 leaves the picture as it is")}


FILTERS: dict[str, Filter] = {
    "brightness": Filter(tone.brightness, _factor(1.2)),
    "contrast": Filter(tone.contrast, _factor(1.2)),
    "saturation": Filter(tone.saturation, _factor(1.3)),
    "hue": Filter(tone.hue, {"degrees": Number(90, -360, 360, "how far colours turn: red by 120 is green")}),
    "blur": Filter(texture.blur, {"radius": Number(5, 0, 256, "pixels, one standard deviation")}),
    "sharpen": Filter(texture.sharpen, {"amount": Number(1, 0, 5, "0 leaves the picture as it is")}),
    "grayscale": Filter(tone.grayscale),
    "sepia": Filter(tone.sepia, _intensity(1)),
    "invert": Filter(tone.invert),
    "vignette": Filter(texture.vignette, _intensity(0.5)),
    "noise": Filter(
        texture.noise,
        {
            "intensity": Number(0.1, 0, 1, "the noise's deviation, 1 is from black to white"),
            "seed": Whole(0, 0, SEED_LIMIT - 1, "the same noise for the same seed"),
        },
    ),
    "posterize": Filter(tone.posterize, {"levels": Whole(4, 2, 256, "levels that are left in each channel")}),
    "pixelate": Filter(texture.pixelate, {"size": Whole(8, 1, 1024, "pixels, the side of a block")}),
    "edge": Filter(texture.edge, _intensity(1)),
    "artistic": Filter(
        artistic.artistic,
        {"style": Choice("oil_painting", tuple(artistic.STYLES), "what the picture is to look like"), **_intensity(1)},
    ),
}
MOST_STEPS = 16


def step(name: str, said: Mapping[str, object]) -> Step:
    """A filter with every parameter filled in. Raises TaskRefused for a filter or parameter that is not in the table,
    and for a value that is not in its range.
    """
    if name not in FILTERS:
        raise TaskRefused(f"filters must each be one of {', '.join(FILTERS)}.", field="filters")
    parameters = FILTERS[name].parameters
    if not said.keys() <= parameters.keys():
        raise TaskRefused(f"{name} takes {' and '.join(parameters) or 'no parameters'}, nothing else.", field="filters")
    values = (
        (each, read(parameter, f"{name}.{each}", said.get(each, parameter.default)))
        for each, parameter in parameters.items()
    )
    return Step(name, tuple(values))


def chain(asked: Sequence[tuple[str, Mapping[str, object]]]) -> tuple[Step, ...]:
    """The steps of a chain, each a filter's name and what was said of it. Raises TaskRefused."""
    if not 1 <= len(asked) <= MOST_STEPS:
        raise TaskRefused(f"filters must be a list of 1 to {MOST_STEPS}.", field="filters")
    return tuple(step(name, said) for name, said in asked)


def filtered(picture: Image.Image, steps: Sequence[Step]) -> Image.Image:
    """An RGB or RGBA picture after all steps, in their order. Alpha stays; what it hides is filtered like the rest."""
    colours = in_rgb(picture)
    for each in steps:
        colours = FILTERS[each.name].apply(colours, **dict(each.parameters))
    if picture.mode == "RGBA":
        colours.putalpha(picture.getchannel("A"))
    return colours
