"""The style of one picture for what another shows: image-to-image of the one, with an image prompt of the other."""

from typing import Any

from pipelines.catalog import Catalog
from pipelines.errors import TaskRefused
from pipelines.limits import check_range
from pipelines.planning.drawing import image_to_image
from pipelines.planning.installed import ip_adapter_for, ip_adapter_named
from pipelines.tasks import ImagePrompt, ImageToImage, Raster


def style_transfer(
    catalog: Catalog,
    *,
    image: Raster,
    style_image: Raster,
    adapter: str | None = None,
    style_strength: float = 1.0,
    composition_fidelity: float = 0.9,
    change_strength: float = 0.9,
    **said: Any,
) -> ImageToImage:
    """What `image` shows, drawn like `style_image`; said is what `image_to_image` takes, the prompt may be left out.

    adapter: an IP-Adapter; None is the first installed one. style_strength: the scale of the image prompt. The other
    two, from 0 to 1, become the strength of the image-to-image: see `strength_of`. Raises what the others raise.
    """
    shares = {"composition_fidelity": composition_fidelity, "change_strength": change_strength}
    for name, value in ({"style_strength": style_strength} | shares).items():
        check_range(value, 0, 1, name)
    entry = catalog.get(said["model"]) if said.get("model") else catalog.default()
    own = ip_adapter_named(catalog, adapter, "adapter") if adapter else ip_adapter_for(catalog, entry)
    style = ImagePrompt(own.id, (style_image,), style_strength)
    said = {"prompt": ""} | said | {"image_prompts": (*said.get("image_prompts", ()), style)}
    try:
        return image_to_image(catalog, image=image, strength=strength_of(**shares), **said)
    except TaskRefused as error:
        if error.field != "strength":
            raise
        sentence = "So little change leaves no step to draw: raise change_strength or steps."
        raise TaskRefused(sentence, field="change_strength") from None


def strength_of(composition_fidelity: float, change_strength: float) -> float:
    """Of the image-to-image: all the change that is asked for where the composition is free, half of it where it is to
    stay. Above that, places and outlines go.
    """
    return change_strength * (1 - composition_fidelity / 2)
