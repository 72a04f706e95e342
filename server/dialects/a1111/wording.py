"""How this API says that something went wrong: as FastAPI does of a body, as the web UI does of everything else."""

from typing import Any

from pipelines.errors import DarkroomError
from server.errors import BodyInvalid

STATUSES = {400: 422}
# What a sentence of the planning begins with, in the web UI's words.
FIELDS = {
    "count": "batch_size",
    "guidance_scale": "cfg_scale",
    "strength": "denoising_strength",
    "image_guidance_scale": "image_cfg_scale",
    "padding": "inpaint_full_res_padding",
}


def wording(error: DarkroomError, request_id: str) -> dict[str, Any]:
    """FastAPI's list of what is wrong with a field, without what was sent; or the web UI's four words."""
    if isinstance(error, BodyInvalid):
        place = ["body", error.field] if error.field else ["body"]
        return {"detail": [{"loc": place, "msg": error.sentence, "type": "value_error"}]}
    first, space, rest = error.sentence.partition(" ")
    told = f"{FIELDS.get(first, first)}{space}{rest}"
    return {"error": "HTTPException", "detail": told, "body": "", "errors": told}
