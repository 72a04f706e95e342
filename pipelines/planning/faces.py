"""What can be done with the faces in a given picture, as complete Tasks."""

from pipelines.catalog import Catalog
from pipelines.limits import check_range
from pipelines.planning.installed import tool
from pipelines.tasks import Raster, RestoreFaces


def restore_faces(catalog: Catalog, *, image: Raster, model: str | None = None, strength: float = 1.0) -> RestoreFaces:
    """By the network of `model`, or by the first one installed. strength: 0 keeps the faces as they are.

    Raises ModelUnknown, ModelNotInstalled where there is none, and TaskRefused.
    """
    check_range(strength, 0, 1, "strength")
    return RestoreFaces(image=image, model=tool(catalog, model, "face-restorer", needed=True), strength=strength)
