"""A picture drawn after others: by an image prompt of them, or over the first where no IP-Adapter is installed."""

from collections.abc import Sequence
from typing import Any

from pipelines.catalog import Catalog
from pipelines.errors import ModelNotInstalled
from pipelines.planning.drawing import image_to_image, text_to_image
from pipelines.planning.installed import ip_adapter_for
from pipelines.tasks import MOST_REFERENCES, ImagePrompt, ImageToImage, Raster, TextToImage


def text_to_image_after(
    catalog: Catalog, references: Sequence[Raster], *, model: str, **said: Any
) -> TextToImage | ImageToImage:
    """As `text_to_image`, drawn like all `references` together; without any it is just that.

    Where no IP-Adapter for the model is installed, as `image_to_image` of the first one. Raises what the two raise.
    """
    if not references:
        return text_to_image(catalog, model=model, **said)
    try:
        adapter = ip_adapter_for(catalog, catalog.get(model)).id
    except ModelNotInstalled:
        return image_to_image(catalog, image=references[0], model=model, **said)
    groups = [tuple(references[i : i + MOST_REFERENCES]) for i in range(0, len(references), MOST_REFERENCES)]
    prompts = tuple(ImagePrompt(adapter, group, 1 / len(groups)) for group in groups)  # which add up to one
    return text_to_image(catalog, model=model, image_prompts=prompts, **said)
