"""A task as JSON, to be kept with the picture that it drew and drawn again; the pictures it was given stay out."""

import hashlib
import json
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from pipelines.errors import TaskRefused
from pipelines.tasks import Drawn, Picture, Raster

FORMAT = 1
KINDS: dict[str, type[Drawn]] = {kind.__name__: kind for kind in get_args(Drawn)}


def alone(task: Drawn, picture: Picture) -> Drawn:
    """The task that draws this one picture of those that `task` draws."""
    assert picture.seed is not None
    variation = task.variation and replace(task.variation, seed=task.variation.seed + picture.seed - task.seed)
    return replace(task, seed=picture.seed, count=1, variation=variation)


def written(task: Drawn) -> str:
    """{"darkroom": 1, "kind": "TextToImage", "task": {...}}; a picture in it is told by its size and its SHA-256."""
    recipe = {"darkroom": FORMAT, "kind": type(task).__name__, "task": _plain(task)}
    return json.dumps(recipe, ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> Drawn:
    """The task of which `written` made this. Its limits are not checked here: `pipelines.planning` does that.

    Raises TaskRefused, for a task too that needs pictures: the text does not hold them.
    """
    try:
        recipe = json.loads(text)
        kind, said = KINDS[recipe["kind"]], recipe["task"]
        if recipe["darkroom"] != FORMAT or not isinstance(said, dict):
            raise ValueError("another format")
        with_pictures = said.get("controls") or said.get("image_prompts")
        if with_pictures or any(isinstance(value, dict) and "sha256" in value for value in said.values()):
            raise TaskRefused("It was drawn from a picture that is not in its metadata, so it cannot be drawn again.")
        return TypeAdapter(kind).validate_json(json.dumps(said), strict=True)
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
        raise TaskRefused("The metadata hold no task that this version of darkroom can read.") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Raster):
        told = hashlib.sha256(value.pixels).hexdigest()
        return {"width": value.width, "height": value.height, "sha256": told}
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
