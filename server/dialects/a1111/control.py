"""ControlNet as the extension sd-webui-controlnet takes it: units in `alwayson_scripts.ControlNet.args`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import Field, field_validator

from pipelines import planning
from pipelines.catalog import Catalog
from pipelines.tasks import CONTROL_MODES, MOST_CONTROLS, Control, Raster, Task
from server import decode
from server.bodies.job import Share
from server.dialects.a1111.loose import LooseBody
from server.dialects.a1111.pictures import Picture
from server.errors import BodyInvalid, NotOffered
from server.http.body import Body, Name, check

SCRIPT = "controlnet"
FIELD = "alwayson_scripts"
MODES = ("Balanced", "My prompt is more important", "ControlNet is more important")
# The extension's preprocessors by how their names begin, and what makes their picture here.
ANNOTATOR_OF = {
    "none": "none",
    "canny": "canny",
    "scribble": "scribble",
    "softedge": "lineart",
    "lineart": "lineart",
    "invert": "invert",
    "depth": "depth",
}
Mode = str | int


class Masked(Body):
    """A picture as the extension's own page sends it; the mask changes nothing."""

    image: Picture
    mask: Picture | None = None


class Unit(LooseBody):
    """One unit; fields of the extension that are not here change nothing."""

    enabled: bool = True
    image: Picture | Masked | None = None
    input_image: Picture | None = None
    module: Name = "none"
    model: str = Field("None", max_length=256)
    weight: float = Field(1.0, ge=0, le=2)
    guidance_start: Share = 0.0
    guidance_end: Share = 1.0
    control_mode: Mode = MODES[0]
    save_detected_map: bool = True

    @field_validator("control_mode")
    @classmethod
    def _is_mode(cls, mode: Mode) -> Mode:
        if isinstance(mode, bool) or mode not in (*MODES, 0, 1, 2):
            raise ValueError(f"it must be one of: {', '.join(MODES)}")
        return mode

    @property
    def picture(self) -> str | None:
        return self.image.image if isinstance(self.image, Masked) else self.image or self.input_image

    @property
    def mode(self) -> str:
        return CONTROL_MODES[
            MODES.index(self.control_mode) if isinstance(self.control_mode, str) else self.control_mode
        ]


class Controls(NamedTuple):
    """controls: to draw with. maps: what the answer shows behind its pictures, or the tasks that make it."""

    controls: tuple[Control, ...] = ()
    maps: tuple[Task | Raster, ...] = ()


def annotator_of(module: str) -> str:
    """What makes the picture of a preprocessor, such as depth_midas. Raises NotOffered."""
    name = next((name for name in ANNOTATOR_OF if module.lower().startswith(name)), None)
    if name is None:
        told = "This preprocessor is not here: GET /controlnet/module_list lists those that are."
        raise NotOffered(told, field=FIELD)
    return ANNOTATOR_OF[name]


async def controls_of(scripts: Mapping[str, Any], catalog: Catalog, own: Raster | None = None) -> Controls:
    """own: what a unit without a picture follows. Raises BodyInvalid, NotOffered, ImageInvalid."""
    units = [unit for unit in _units(scripts) if unit.enabled]
    if len(units) > MOST_CONTROLS:
        raise BodyInvalid(f"`{FIELD}`: at most {MOST_CONTROLS} units can be enabled.", field=FIELD)
    controls = [await _control(unit, own) for unit in units]
    shown = [control for control, unit in zip(controls, units, strict=True) if unit.save_detected_map]
    maps = [_map(catalog, control) for control in shown]
    return Controls(tuple(controls), tuple(maps))


def _units(scripts: Mapping[str, Any]) -> list[Unit]:
    """Of the scripts that run always this one alone is here; others must ask for nothing."""
    found: list[Unit] = []
    for name, script in scripts.items():
        args = script.get("args", []) if isinstance(script, dict) else None
        if not isinstance(args, list) or len(args) > 100:
            raise BodyInvalid(f"`{FIELD}`: a script must be an object with a list of args.", field=FIELD)
        if name.lower() == SCRIPT:
            found += [_unit(each) for each in args if each is not None]
        elif any(args):
            told = "This server has no script of this name that runs always: GET /sdapi/v1/scripts lists them."
            raise NotOffered(told, field=FIELD)
    return found


def _unit(value: Any) -> Unit:
    """An empty picture is none: so clients leave it out."""
    if not isinstance(value, dict):
        raise BodyInvalid(f"`{FIELD}`: a unit of ControlNet must be an object.", field=FIELD)
    try:
        return check(Unit, {name: item for name, item in value.items() if item is not None and item != ""})
    except BodyInvalid as error:
        raise BodyInvalid(f"`{FIELD}`: in a unit of ControlNet, {error.sentence}", field=FIELD) from None


async def _control(unit: Unit, own: Raster | None) -> Control:
    if unit.model.lower() == "none":
        told = "A unit of ControlNet names no model: GET /controlnet/model_list lists them."
        raise BodyInvalid(told, field=FIELD)
    image = await decode.picture(unit.picture, FIELD) if unit.picture else own
    if image is None:
        raise BodyInvalid("A unit of ControlNet has no picture to follow: send its `image`.", field=FIELD)
    model = unit.model.rpartition(" [")[0] or unit.model
    return Control(
        model, image, annotator_of(unit.module), unit.weight, unit.guidance_start, unit.guidance_end, unit.mode
    )


def _map(catalog: Catalog, control: Control) -> Task | Raster:
    """What the ControlNet follows."""
    if control.annotator == "none":
        return control.image
    return planning.annotate(catalog, image=control.image, annotator=control.annotator)
