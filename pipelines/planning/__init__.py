"""Turns what a caller asked for into a complete Task: one function for each kind, one file for each family.

Beside them `following`, `first_installed` and `ip_adapter_for`, which model serves a caller who names none, and
`check_installed` and `vae_named` for one who does.
"""

from pipelines.planning.background import relight, replace_background
from pipelines.planning.controls import following
from pipelines.planning.drawing import edit, image_to_image, inpaint, outpaint, text_to_image, tiled_image_to_image
from pipelines.planning.faces import restore_faces
from pipelines.planning.finding import search_and_recolor, search_and_replace
from pipelines.planning.installed import check_installed, first_installed, ip_adapter_for, vae_named
from pipelines.planning.pictures import annotate, crop, describe, filters, remove_background, upscale
from pipelines.planning.references import text_to_image_after
from pipelines.planning.style import style_transfer

__all__ = [
    "annotate",
    "check_installed",
    "crop",
    "describe",
    "edit",
    "filters",
    "first_installed",
    "following",
    "image_to_image",
    "inpaint",
    "ip_adapter_for",
    "outpaint",
    "relight",
    "remove_background",
    "replace_background",
    "restore_faces",
    "search_and_recolor",
    "search_and_replace",
    "style_transfer",
    "text_to_image",
    "text_to_image_after",
    "tiled_image_to_image",
    "upscale",
    "vae_named",
]
