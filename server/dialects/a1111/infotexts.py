"""The web UI's text about a picture: what it says, as fields of a request, and that of a picture which was drawn."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pipelines.infotext import infotext_of, parsed, written
from pipelines.tasks import Drawing, Picture, Task, Upscale
from server.images import Image

SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
READ: dict[str, tuple[str, Callable[[str], Any]]] = {
    "Steps": ("steps", int),
    "Sampler": ("sampler_name", str),
    "Schedule type": ("scheduler", str),
    "CFG scale": ("cfg_scale", float),
    "Seed": ("seed", int),
    "Denoising strength": ("denoising_strength", float),
    "Tiling": ("tiling", lambda told: told == "True"),
    "Variation seed": ("subseed", int),
    "Variation seed strength": ("subseed_strength", float),
}


def fields_of(text: str) -> dict[str, Any]:
    """What the text says, as fields of txt2img; what cannot be read is left out."""
    said = parsed(text)
    fields: dict[str, Any] = {"prompt": said.prompt, "negative_prompt": said.negative_prompt}
    for name, (field, made) in READ.items():
        try:
            fields[field] = made(said.settings[name])
        except (KeyError, ValueError):
            continue
    if size := SIZE.fullmatch(said.settings.get("Size", "")):
        fields |= {"width": int(size[1]), "height": int(size[2])}
    return fields


def text_of(task: Task, image: Image) -> str:
    """What the file of an image says that this task drew."""
    drawn = task.over if isinstance(task, Upscale) and task.over is not None else task
    assert isinstance(drawn, Drawing)
    drawn = replace(drawn, width=image.width, height=image.height) if isinstance(task, Upscale) else drawn
    picture = Picture(image.width, image.height, b"", image.seed, image.rendered, image.model)
    return written(infotext_of(drawn, picture))
