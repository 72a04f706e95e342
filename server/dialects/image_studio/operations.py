"""The six operations of Edit Studio, the ways in which each is done, and which fields those have a use for."""

from typing import Any

from server.dialects.image_studio.providers import OURS
from server.dialects.image_studio.ways import Operation, Way

MASK, SEARCH, SELECT = "mask_base64", "search_prompt", "select_prompt"
BACKGROUND, LIGHTING = "background_image_base64", "lighting_image_base64"
DRAWN = {name: name for name in ("prompt", "negative_prompt", "steps", "guidance_scale", "seed")}
BEHIND = {BACKGROUND: "background_image"}
LIGHT = {LIGHTING: "light_reference"}
SIDES = {"expand_left": "left", "expand_right": "right", "expand_up": "top", "expand_down": "bottom"}

CUT_OUT = Way("remove_background", BEHIND, task="remove_background")
SET_AND_LIT = Way(  # what is cut out and stays alone has nothing that could light it
    "relight", BEHIND | LIGHT, (BACKGROUND,), LIGHTING, model="matting", task="remove_background"
)
MASKED = Way("inpaint", DRAWN | {MASK: "mask"}, ("prompt",), MASK)
FOUND = Way("search_and_replace", DRAWN | {SEARCH: SEARCH}, ("prompt", SEARCH), SEARCH)
SELECTED = Way("search_and_replace", DRAWN | {SELECT: SEARCH}, ("prompt",), SELECT)
WHOLE = Way("edit", DRAWN, ("prompt",), task="edit")
EXPANDED = Way("outpaint", DRAWN | SIDES, task="outpaint")
RECOLOURED = Way(
    "search_and_recolor",
    {"prompt": "colour", SELECT: SELECT},
    ("prompt", SELECT),
    model="segmenter",
    task="search_and_recolor",
)
COMPOSED = Way("replace_background", DRAWN | BEHIND, sign=BACKGROUND)
LIT = Way("relight", DRAWN | BEHIND | LIGHT, sign=LIGHTING)

OPERATIONS = {
    "remove_background": Operation(
        "Remove Background",
        "Isolate the main subject, or put it in front of another picture",
        "background removal",
        (SET_AND_LIT, CUT_OUT),
    ),
    "inpaint": Operation(
        "Inpaint & Fix",
        "Edit what a mask or words mark, or the whole picture",
        "inpainting",
        (MASKED, FOUND, SELECTED, WHOLE),
    ),
    "outpaint": Operation("Outpaint", "Continue the picture beyond its edges", "outpainting", (EXPANDED,)),
    "search_replace": Operation(
        "Search & Replace", "Draw something else where words find a thing", "search and replace", (FOUND,)
    ),
    "search_recolor": Operation(
        "Search & Recolor", "Give what words find another colour", "search and recolor", (RECOLOURED,)
    ),
    "general_edit": Operation(
        "General Edit",
        "Change the picture as the prompt says, or put it before another background or in another light",
        "general edit",
        (LIT, COMPOSED, MASKED, WHOLE),
    ),
}
FIELDS = {
    "prompt": "prompt",
    "mask": "mask_base64",
    "negative_prompt": "negative_prompt",
    "search_prompt": "search_prompt",
    "select_prompt": "select_prompt",
    "background": "background_image_base64",
    "lighting": "lighting_image_base64",
    "expansion": "expand_left",
}


def listed(operation: Operation, possible: set[str]) -> dict[str, Any]:
    """What the API says of it. possible: the kinds of job for which everything is installed."""
    ways = [way for way in operation.ways if way.kind in possible]
    takes = {field for way in ways or operation.ways for field in way.takes}
    return {
        "label": operation.label,
        "description": operation.description,
        "provider": OURS if ways else None,
        "available": bool(ways),
        "fields": {name: field in takes for name, field in FIELDS.items()},
    }
