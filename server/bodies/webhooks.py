"""What a webhook is made of, as JSON: one of an account, or one of a single job."""

from typing import Annotated, Literal, get_args

import httpx
from pydantic import AfterValidator, Field

from server.http.body import Body
from server.webhooks import signing

LONGEST_URL = 2048
MOST_PAUSES = 20
LONGEST_PAUSE_SECONDS = 86_400

Event = Literal["job.succeeded", "job.failed", "job.cancelled"]
ALL: tuple[Event, ...] = get_args(Event)


def _address(url: str) -> str:
    """Its form alone: where it leads is judged each time that something is sent there."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.fragment:
        raise ValueError("it must be an address such as https://example.org/hook, without user and fragment")
    return url


Address = Annotated[str, Field(max_length=LONGEST_URL), AfterValidator(_address)]
Secret = Annotated[str, AfterValidator(signing.checked)]


class WebhookBody(Body):
    """Who is told when the job ends."""

    url: Address
    secret: Secret | None = Field(None, description="`whsec_` and 24 to 64 bytes in base64, which sign the messages.")
    events: Annotated[list[Event], Field(min_length=1)] = Field(list(ALL))


class LastingWebhookBody(WebhookBody):
    """Who is told when any job of the account ends."""

    retry_seconds: (
        Annotated[list[Annotated[float, Field(ge=1, le=LONGEST_PAUSE_SECONDS)]], Field(max_length=MOST_PAUSES)] | None
    ) = Field(None, description="Pauses between attempts; by default those of the server.")
