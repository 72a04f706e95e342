"""What is to be found in a given picture and then painted or drawn anew, as complete Tasks."""

from dataclasses import replace
from typing import Any

from pipelines.catalog import Catalog
from pipelines.colours import hexadecimal
from pipelines.errors import TaskRefused
from pipelines.limits import check_range, check_text
from pipelines.planning.drawing import inpaint
from pipelines.planning.installed import tool
from pipelines.recolor import MOST_DILATION
from pipelines.tasks import Inpaint, Raster, SearchAndRecolor, SearchAndReplace


def search_and_recolor(
    catalog: Catalog, *, image: Raster, select_prompt: str, colour: str, dilation: int = 0, segmenter: str | None = None
) -> SearchAndRecolor:
    """select_prompt: what is to be found. colour: by name or as hexadecimal. segmenter: the first installed if None.

    Raises ModelUnknown, ModelNotInstalled, and TaskRefused with a sentence that says what would do; so do the others.
    """
    network = _segmenter(catalog, segmenter, select_prompt, "select_prompt", dilation)
    code = hexadecimal(colour, "colour")
    return SearchAndRecolor(image=image, model=network, words=select_prompt, colour=code, dilation=dilation)


def search_and_replace(
    catalog: Catalog,
    *,
    image: Raster,
    search_prompt: str,
    dilation: int = 8,
    segmenter: str | None = None,
    **drawn: Any,
) -> SearchAndReplace:
    """search_prompt: what is to be found, the prompt what is to come there; drawn: what `inpaint` takes but a mask."""
    network = _segmenter(catalog, segmenter, search_prompt, "search_prompt", dilation)
    task = inpaint_later(catalog, image, **drawn)
    return SearchAndReplace(image=image, model=network, words=search_prompt, dilation=dilation, drawn=task)


def inpaint_later(catalog: Catalog, image: Raster, **drawn: Any) -> Inpaint:
    """An Inpaint in a picture of that size, whose image and mask are yet to come: each is a single pixel."""
    everything = Raster(image.width, image.height, b"\xff" * (image.width * image.height))
    task = inpaint(catalog, image=image, mask=everything, **drawn)
    return replace(task, image=Raster(1, 1, bytes(3)), mask=Raster(1, 1, b"\xff"))


def _segmenter(catalog: Catalog, name: str | None, words: str, field: str, dilation: int) -> str:
    """The id of what is to look for the words, which are in that field."""
    if not words.strip():
        raise TaskRefused("Say in words what is to be found in the picture.", field=field)
    check_range(dilation, 0, MOST_DILATION, "dilation")
    network = tool(catalog, name, "segmenter", needed=True, field="segmenter")
    assert network is not None
    check_text(words, field, catalog.get(network).limits)
    return network
