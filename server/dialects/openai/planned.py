"""From what is asked for to a complete task, and to what has to be said beside the answer. Pure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipelines.catalog import Catalog, Meant, Model
from pipelines.errors import TaskRefused
from pipelines.planning import (
    edit,
    first_installed,
    image_to_image,
    inpaint,
    ip_adapter_for,
    remove_background,
    text_to_image,
    upscale,
)
from pipelines.tasks import MOST_REFERENCES, Edge, FirstPass, ImagePrompt, Raster, Task
from server.dialects.openai.asked import Cutout, Drawn, Edit, Enlargement, Generation, Variation, sides

MOST_SIDE = 8192
# What a quality does to the model's own number of steps.
STEPS_BY_QUALITY = {"low": 0.5, "high": 1.5, "hd": 1.5, "xhigh": 2.0, "max": 3.0}
REFERENCES_SCALE = {"low": 0.5, "high": 1.0}  # by input_fidelity: 0.5 leaves the prompt its say
KEPT_STRENGTH = 0.4  # of an edit with high input_fidelity
OF_A_MASK = ("mask_blur", "fill", "only_masked", "padding")
OF_THE_WHOLE = ("fit", "image_guidance_scale")

Settings = dict[str, Any]


class Planned(NamedTuple):
    """meant: the model that the caller's word stands for, None where nobody was named and it may do without.

    idle: fields that have no use here.
    """

    task: Task
    meant: Meant | None
    idle: Sequence[str] = ()


def generation(asked: Generation, settings: Settings, catalog: Catalog) -> Planned:
    """settings: what `asked.settings` gives. Raises what planning raises; so do the others."""
    meant, first = catalog.meant(asked.model, "text_to_image"), asked.first_pass
    said = _drawn(asked, settings, meant.model)
    if first is not None:
        said["first_pass"] = FirstPass(first.width, first.height, first.steps or 0, first.strength)
    return Planned(text_to_image(catalog, prompt=asked.prompt, **said), meant)


def masked_edit(
    asked: Edit, settings: Settings, image: Raster, mask: Raster, references: Sequence[Raster], catalog: Catalog
) -> Planned:
    """mask: bright where the image is drawn anew."""
    meant = catalog.meant(asked.model, "inpaint")
    said = _drawn(asked, settings, meant.model) | _references(asked, settings, references, meant.model, catalog)
    said |= {name: getattr(asked, name) for name in OF_A_MASK}
    task = inpaint(catalog, image=image, mask=mask, prompt=asked.prompt, strength=asked.strength, **said)
    return Planned(task, meant, OF_THE_WHOLE)


def whole_edit(
    asked: Edit, settings: Settings, image: Raster, references: Sequence[Raster], catalog: Catalog
) -> Planned:
    """By a model for instructions where one is installed, else drawn over."""
    meant = catalog.meant(asked.model, "edit" if first_installed(catalog, "sdxl-edit") else "image_to_image")
    said = _drawn(asked, settings, meant.model) | _references(asked, settings, references, meant.model, catalog)
    said |= {name: getattr(asked, name) for name in OF_THE_WHOLE}
    kept = KEPT_STRENGTH if asked.input_fidelity == "high" else None
    strength = kept if asked.strength is None else asked.strength
    task = edit(catalog, image=image, prompt=asked.prompt, strength=strength, **said)
    return Planned(task, meant, OF_A_MASK)


def variation(asked: Variation, settings: Settings, image: Raster, catalog: Catalog) -> Planned:
    meant = catalog.meant(asked.model, "image_to_image")
    said = _drawn(asked, settings, meant.model) | {"strength": asked.strength, "fit": asked.fit}
    return Planned(image_to_image(catalog, image=image, prompt=asked.prompt, **said), meant)


def enlargement(asked: Enlargement, image: Raster, catalog: Catalog) -> Planned:
    """The fields of `creative` are refused in other modes, by name."""
    meant = None if asked.model is None else catalog.meant(asked.model, "upscale")
    width, height = _enlarged(asked, image)
    drawn = {name: value for name, value in asked if name in _of_creative() and value is not None}
    task = upscale(
        catalog,
        image=image,
        mode=asked.mode,
        model=meant and meant.model.id,
        width=width,
        height=height,
        denoise=asked.denoise,
        restore_faces=asked.restore_faces,
        **drawn,
    )
    return Planned(task, meant)


def cutout(asked: Cutout, image: Raster, catalog: Catalog) -> Planned:
    meant = None if asked.model is None else catalog.meant(asked.model, "remove_background")
    task = remove_background(
        catalog,
        image=image,
        model=meant and meant.model.id,
        method=asked.method,
        output=asked.output,
        background=None if asked.background == "auto" or asked.is_transparent else asked.background,
        edge=Edge(asked.threshold, asked.follow_edges, asked.edge_smoothing, asked.feather),
    )
    return Planned(task, meant)


def _enlarged(asked: Enlargement, image: Raster) -> tuple[int | None, int | None]:
    """Width and height; None for both where nothing is said of them. Raises TaskRefused."""
    width, height = sides(asked.size)
    if asked.scale is not None:
        if width is not None:
            raise TaskRefused("Say a scale or a size, not both.", field="scale")
        width, height = image.width * asked.scale, image.height * asked.scale
    if max(width or 0, height or 0) > MOST_SIDE:
        told = f"The enlarged picture may have at most {MOST_SIDE} pixels a side; ask for less."
        raise TaskRefused(told, field="size" if asked.scale is None else "scale")
    return width, height


def _of_creative() -> set[str]:
    fields = list(Enlargement.model_fields)
    return set(fields[fields.index("prompt") :])


def _drawn(asked: Drawn, settings: Settings, model: Model) -> dict[str, Any]:
    width, height = sides(asked.size)
    said = settings | {"model": model.id, "width": width, "height": height, "count": asked.n or 1}
    return said | {"steps": _steps(asked, model)}


def _steps(asked: Drawn, model: Model) -> int | None:
    """Those that were asked for, else of a quality, at most what the model allows; None leaves it to the model.

    One that was distilled to few steps, without guidance, keeps its own.
    """
    said = asked.num_inference_steps if asked.steps is None else asked.steps
    if said is not None:
        return said
    factor = STEPS_BY_QUALITY.get(asked.quality or "auto")
    if factor is None or model.defaults is None or model.defaults.guidance_scale == 1:
        return None
    return min(max(1, round(model.defaults.steps * factor)), model.limits.max_steps)


def _references(
    asked: Edit, settings: Settings, pictures: Sequence[Raster], model: Model, catalog: Catalog
) -> dict[str, Any]:
    """Pictures to be looked at, by an IP-Adapter, as so many image prompts as they need; those add up."""
    if not pictures:
        return {}
    adapter = ip_adapter_for(catalog, model)
    parts = [tuple(pictures[first : first + MOST_REFERENCES]) for first in range(0, len(pictures), MOST_REFERENCES)]
    scale = REFERENCES_SCALE[asked.input_fidelity or "low"] / len(parts)
    prompts = tuple(ImagePrompt(adapter.id, part, scale) for part in parts)
    return {"image_prompts": (*settings["image_prompts"], *prompts)}
