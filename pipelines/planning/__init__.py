"""Turns what a caller asked for into a complete Task: one function for each kind, one file for each family."""

from pipelines.planning.drawing import image_to_image, inpaint, outpaint, text_to_image, tiled_image_to_image
from pipelines.planning.faces import restore_faces
from pipelines.planning.pictures import annotate, crop, describe, filters, remove_background, upscale
from pipelines.planning.style import style_transfer

__all__ = [
    "annotate",
    "crop",
    "describe",
    "filters",
    "image_to_image",
    "inpaint",
    "outpaint",
    "remove_background",
    "restore_faces",
    "style_transfer",
    "text_to_image",
    "tiled_image_to_image",
    "upscale",
]
