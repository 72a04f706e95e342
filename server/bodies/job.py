"""What every kind of job takes, as JSON."""

from typing import Annotated, Any, Literal

from pydantic import Field

from pipelines.engine.protocol import Terms
from server.bodies.webhooks import WebhookBody
from server.http.body import Body, Name

HIGHEST_PRIORITY = 9
LONGEST_TIMEOUT_SECONDS = 86_400

Picture = Annotated[str, Field(min_length=1, description="PNG, JPEG or WEBP in base64, or as a data URL.")]
Share = Annotated[float, Field(ge=0, le=1)]


class JobBody(Body):
    """What every kind of job takes."""

    priority: Annotated[int, Field(ge=0, le=HIGHEST_PRIORITY)] = 0
    timeout_seconds: Annotated[float, Field(gt=0, le=LONGEST_TIMEOUT_SECONDS)] | None = None
    previews: bool = False
    metadata: bool = Field(True, description="Whether the picture's file says what drew it.")
    on_disconnect: Literal["cancel", "detach"] = "cancel"
    webhook: WebhookBody | None = None
    connector: Name | None = Field(None, description="The id of one, to which the pictures are copied.")

    def terms(self, account: str, now: float) -> Terms:
        deadline = None if self.timeout_seconds is None else now + self.timeout_seconds
        return Terms(account, self.priority, deadline, self.previews)

    async def said(self) -> dict[str, Any]:
        """The arguments of the planning."""
        return {field: value for field, value in self if field not in JobBody.model_fields}
