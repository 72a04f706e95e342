"""Tasks that are drawn in two passes, taken apart: what is drawn first, and what is drawn over its result."""

from dataclasses import fields, replace
from typing import Any

from pipelines.prompt_editing import in_second_pass
from pipelines.tasks import Drawing, ImageToImage, Raster, TextToImage

UNDRAWN = Raster(1, 1, bytes(3))  # in the place of a picture that is yet to come


def first_of(task: Drawing) -> Drawing:
    """What is drawn first: the task itself, or its small first pass."""
    if not isinstance(task, TextToImage) or task.first_pass is None:
        return task
    first = task.first_pass
    alone = replace(task, first_pass=None, face_restorer=None)
    return replace(alone, width=first.width, height=first.height, steps=first.steps)


def then(task: Drawing, drawn: Raster = UNDRAWN, index: int = 0) -> ImageToImage | None:
    """What follows picture `index` of the first pass, enlarged on the way; None where that was all."""
    if not isinstance(task, TextToImage) or task.first_pass is None:
        return None
    said = {field.name: getattr(task, field.name) for field in fields(Drawing)}
    if task.variation is not None:
        said["variation"] = replace(task.variation, seed=task.variation.seed + index)
    said |= _otherwise(task, task.first_pass.steps) | {"seed": task.seed + index, "count": 1}
    return ImageToImage(**said, image=drawn, strength=task.first_pass.strength, face_restorer=task.face_restorer)


def passes_of(task: Drawing) -> list[Drawing]:
    """Each as a task of its own, the second for one picture."""
    second = then(task)
    return [first_of(task), second] if second else [task]


def _otherwise(task: TextToImage, steps: int) -> dict[str, Any]:
    """What the second pass says for itself. steps: of the first one."""
    assert task.first_pass is not None
    second = task.first_pass.second
    own = {name: getattr(second, name) for name in ("model", "prompt", "negative_prompt", "sampler", "guidance_scale")}
    said = {name: value for name, value in own.items() if value is not None}
    if "prompt" in said:
        said["loras"] = second.loras
    for name in ("prompt", "negative_prompt"):
        said[name] = in_second_pass(said.get(name, getattr(task, name)), steps)
    return said
