"""The scripts of the web UI that are here: SD upscale, which enlarges a picture and draws over it in tiles."""

from dataclasses import replace
from typing import Any

from pipelines import planning
from pipelines.catalog import Catalog
from pipelines.tasks import Raster, Task
from server.dialects.a1111.upscalers import upscaler_called
from server.errors import BodyInvalid, NotOffered

SD_UPSCALE = "sd upscale"
NEAREST = "nearest"  # drawn over like this, what is enlarged so looks as what Lanczos enlarges
MOST_FACTOR = 8.0


def script_of(name: str | None) -> str | None:
    """The script that a request names, in lower case. Raises NotOffered for one that is not here."""
    if name is None or name.lower() in ("", "none"):
        return None
    if name.lower() != SD_UPSCALE:
        raise NotOffered("There is no script of this name here: GET /sdapi/v1/scripts lists them.", field="script_name")
    return SD_UPSCALE


def sd_upscale(catalog: Catalog, image: Raster, args: list[Any], said: dict[str, Any], strength: float) -> Task:
    """args: as the script has them, of which the upscaler is the third, by name, and the factor the fourth.

    said: of the drawing. Raises BodyInvalid, TaskRefused, ModelUnknown and ModelNotInstalled.
    """
    upscaler = args[2] if len(args) > 2 else "Lanczos"
    factor = args[3] if len(args) > 3 else 2.0
    if not isinstance(upscaler, str) or not 0 < len(upscaler) <= 128:
        raise BodyInvalid("`script_args`: the third is the name of an upscaler.", field="script_args")
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 1 <= factor <= MOST_FACTOR:
        told = f"`script_args`: the fourth is by how much the sides grow, from 1 to {MOST_FACTOR:g}."
        raise BodyInvalid(told, field="script_args")
    width, height = round(image.width * factor), round(image.height * factor)
    network = None if upscaler.lower() == NEAREST else upscaler_called(catalog, upscaler, "script_args")
    enlarged = planning.upscale(
        catalog,
        image=image,
        mode="conservative" if network else "fast",
        model=network.id if network else None,
        width=width,
        height=height,
    )
    over = planning.tiled_image_to_image(catalog, (width, height), strength=strength, **said)
    return replace(enlarged, over=over)
