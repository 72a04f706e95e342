"""Turns what a caller asked for into a complete Task: one function for each kind, one file for each family."""

from pipelines.planning.background import relight, replace_background
from pipelines.planning.drawing import edit, image_to_image, inpaint, outpaint, text_to_image, tiled_image_to_image
from pipelines.planning.faces import restore_faces
from pipelines.planning.finding import search_and_recolor, search_and_replace
from pipelines.planning.pictures import annotate, crop, describe, filters, remove_background, upscale
from pipelines.planning.style import style_transfer

__all__ = [
    "annotate",
    "crop",
    "describe",
    "edit",
    "filters",
    "image_to_image",
    "inpaint",
    "outpaint",
    "relight",
    "remove_background",
    "replace_background",
    "restore_faces",
    "search_and_recolor",
    "search_and_replace",
    "style_transfer",
    "text_to_image",
    "tiled_image_to_image",
    "upscale",
]
