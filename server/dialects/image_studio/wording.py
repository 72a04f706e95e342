"""How this API says that something went wrong: one `detail`, and 400 for whatever is wrong with a request."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipelines.errors import DarkroomError, ModelUnknown
from server.errors import ANSWERS, BodyInvalid, EntryUnknown, ImageInvalid, Stage, status_of

PREFIX = "/api/image-studio"
STATUSES = {422: 400}
FIELDS = {"style": "style_preset", "social_template": "template_id", "persona": "persona_id"}
NOBODY = "Authenticated user required for image operations."
NO_PICTURE = "Invalid base64 image payload"
NOT_DRAWN = "Image generation failed: "


def wording(error: DarkroomError, request_id: str) -> dict[str, Any]:
    """In the document's own words where it has some."""
    if status_of(error) == 401:
        return {"detail": NOBODY}
    if isinstance(error, ImageInvalid) and not error.is_missized:
        return {"detail": NO_PICTURE}
    is_drawing = error.code in ANSWERS and ANSWERS[error.code].stage is Stage.DRAWING and status_of(error) >= 500
    return {"detail": f"{NOT_DRAWN if is_drawing else ''}{error.sentence}"}


@contextmanager
def in_body() -> Iterator[None]:
    """What a body names and is not there makes it a wrong body, 400; only an address that is not there is a 404."""
    try:
        yield
    except (EntryUnknown, ModelUnknown) as error:
        field = FIELDS.get(error.field or "", error.field)
        raise BodyInvalid(f"`{field}`: {error.sentence}", field=field) from None
