"""How this API says that something went wrong: as FastAPI does of a body, as the web UI does of everything else."""

from typing import Any

from pipelines.errors import DarkroomError
from server.errors import BodyInvalid

STATUSES = {400: 422}


def wording(error: DarkroomError, request_id: str) -> dict[str, Any]:
    """FastAPI's list of what is wrong with a field, without what was sent; or the web UI's four words."""
    if isinstance(error, BodyInvalid):
        place = ["body", error.field] if error.field else ["body"]
        return {"detail": [{"loc": place, "msg": error.sentence, "type": "value_error"}]}
    return {"error": "HTTPException", "detail": error.sentence, "body": "", "errors": error.sentence}
