"""Tasks that are drawn in two passes, taken apart: what is drawn first, and what is drawn over its result."""

from dataclasses import fields, replace

from pipelines.tasks import Drawing, ImageToImage, Raster, TextToImage


def first_of(task: Drawing) -> Drawing:
    """What is drawn first: the task itself, or its small first pass."""
    if not isinstance(task, TextToImage) or task.first_pass is None:
        return task
    first = task.first_pass
    return replace(task, first_pass=None, width=first.width, height=first.height, steps=first.steps)


def then(task: Drawing, drawn: Raster, index: int) -> ImageToImage | None:
    """What follows picture `index` of the first pass, enlarged on the way; None where that was all."""
    if not isinstance(task, TextToImage) or task.first_pass is None:
        return None
    said = {field.name: getattr(task, field.name) for field in fields(Drawing)}
    if task.variation is not None:
        said["variation"] = replace(task.variation, seed=task.variation.seed + index)
    said |= {"seed": task.seed + index, "count": 1}
    return ImageToImage(**said, image=drawn, strength=task.first_pass.strength)
