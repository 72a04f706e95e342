"""Which installed ControlNet follows a picture, where the caller says what is to be followed and names none."""

from collections.abc import Sequence

from pipelines.catalog import Catalog, Model
from pipelines.errors import ModelNotInstalled
from pipelines.tasks import Control, Raster


def following(catalog: Catalog, model: Model, image: Raster, annotators: Sequence[str], weight: float) -> Control:
    """By the first of the annotators for which a ControlNet is installed: one with it in its id, as publishers do.

    A demo takes that of the demo, which follows all lines. Raises ModelNotInstalled.
    """
    able = [each for each in catalog.models if each.kind == "controlnet" and each.embedded == model.embedded]
    for annotator in annotators:
        for each in able:
            if (each.embedded or annotator in each.id) and catalog.is_installed(each):
                return Control(each.id, image, annotator, weight)
    wanted = [each.id for annotator in annotators for each in able if annotator in each.id and each.source]
    remedy = f": run `darkroom pull {wanted[0]}` on the server" if wanted else ""
    raise ModelNotInstalled(f"No ControlNet that follows this is installed{remedy}.", field="controls")
