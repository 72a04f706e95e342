"""The vocabulary: what can be asked for (Task) and what comes out (Picture). Standard library only.

A Task is complete: every default has been filled in by `pipelines.planning` from the model's entry in the catalogue,
so that the same task draws the same picture tomorrow.
"""

from pipelines.tasks.drawing import (
    ANNOTATORS,
    CONTROL_MODES,
    FILLS,
    FITS,
    KARRAS,
    MOST_CONTROLS,
    SAMPLERS,
    SEED_LIMIT,
    Control,
    Drawing,
    Drawn,
    FirstPass,
    ImageToImage,
    Inpaint,
    Lora,
    Outpaint,
    Raster,
    TextToImage,
    TiledImageToImage,
    Variation,
)
from pipelines.tasks.finding import SearchAndRecolor, SearchAndReplace
from pipelines.tasks.processing import (
    CUTOUT_OUTPUTS,
    MOST_FEATHER,
    MOST_SMOOTHING,
    Crop,
    Describe,
    Edge,
    Filter,
    Processing,
    RemoveBackground,
    Upscale,
)
from pipelines.tasks.results import Colour, Description, Facts, Foreground, Picture

__all__ = [
    "ANNOTATORS",
    "CONTROL_MODES",
    "CUTOUT_OUTPUTS",
    "FILLS",
    "FITS",
    "KARRAS",
    "MOST_CONTROLS",
    "MOST_FEATHER",
    "MOST_SMOOTHING",
    "SAMPLERS",
    "SEED_LIMIT",
    "Colour",
    "Control",
    "Crop",
    "Describe",
    "Description",
    "Drawing",
    "Drawn",
    "Edge",
    "Facts",
    "Filter",
    "FirstPass",
    "Foreground",
    "ImageToImage",
    "Inpaint",
    "Lora",
    "Outpaint",
    "Picture",
    "Processing",
    "Raster",
    "RemoveBackground",
    "SearchAndRecolor",
    "SearchAndReplace",
    "Task",
    "TextToImage",
    "TiledImageToImage",
    "Upscale",
    "Variation",
]

Found = SearchAndRecolor | SearchAndReplace
Task = Drawn | TiledImageToImage | Upscale | Filter | Crop | Describe | RemoveBackground | Found
