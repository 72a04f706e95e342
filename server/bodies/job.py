"""What every kind of job takes, as JSON."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from pipelines.engine.protocol import Terms
from server.bodies.caption import CaptionBody
from server.bodies.webhooks import WebhookBody
from server.http.body import Body, Name
from server.images import Caption

HIGHEST_PRIORITY = 9
LONGEST_TIMEOUT_SECONDS = 86_400

ADDRESS = re.compile(r"https?://", re.IGNORECASE)


class Address(str):
    """Where a picture lies, in place of its bytes."""

    __slots__ = ()


def _told_apart(text: str) -> str:
    return Address(text) if ADDRESS.match(text) else text


PICTURE = (
    "PNG, JPEG or WEBP in base64, as a data URL, or by its http(s) address; "
    "or the id of one of your images, or its alias after an @."
)
# `picture` is no format of JSON Schema: whoever reads the description knows these fields by it.
Picture = Annotated[
    str,
    Field(
        min_length=1,
        description=PICTURE,
        json_schema_extra={"format": "picture"},
    ),
    AfterValidator(_told_apart),
]
# Never an address: read it with `server.decode`.
PlainPicture = Annotated[
    str,
    Field(
        min_length=1,
        description="PNG, JPEG or WEBP in base64, or as a data URL.",
        json_schema_extra={"format": "picture", "contentEncoding": "base64"},
    ),
]
Share = Annotated[float, Field(ge=0, le=1)]


class JobBody(Body):
    """What every kind of job takes."""

    priority: Annotated[int, Field(ge=0, le=HIGHEST_PRIORITY)] = 0
    timeout_seconds: Annotated[float, Field(gt=0, le=LONGEST_TIMEOUT_SECONDS)] | None = None
    previews: bool = False
    metadata: bool = Field(True, description="Whether the picture's file says what drew it.")
    on_disconnect: Literal["cancel", "detach"] = "cancel"
    caption: CaptionBody = Field(CaptionBody(), description="What is said of the images in the gallery.")
    webhook: WebhookBody | None = None
    connector: Name | None = Field(None, description="The id of one, to which the pictures are copied.")

    def terms(self, account: str, now: float) -> Terms:
        deadline = None if self.timeout_seconds is None else now + self.timeout_seconds
        return Terms(account, self.priority, deadline, self.previews)

    def caption_of(self, parent: str | None) -> Caption:
        """parent: the id of the image that is worked on, if it is one of ours."""
        return self.caption.said(parent)

    async def said(self) -> dict[str, Any]:
        """The arguments of the planning."""
        return {field: value for field, value in self if field not in JobBody.model_fields}
