"""In which words a message is told: our own, or those of a dialect that has others."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from server.store.outbox import Message

OWN = "darkroom"
TEST = "webhook.test"
UNTOLD = {"account", "api", "said", "task", "prompt", "credits"}  # what our own words for a job leave out

# The payload, from a message and the events that were asked for, in the words of this form; None where none of them is
# this one. A message of the event TEST is to be told whatever was asked for, if only in our own words.
Form = Callable[[Message, Sequence[str]], dict[str, Any] | None]


def own_form(public_url: str | None) -> Form:
    """The job as GET /darkroom/v1/jobs/{id} shows it. public_url: what the addresses of images begin with."""

    def told(message: Message, events: Sequence[str]) -> dict[str, Any] | None:
        if message.event not in (*events, TEST):
            return None
        moment = datetime.fromtimestamp(message.created, UTC).isoformat().replace("+00:00", "Z")
        return {"type": message.event, "timestamp": moment, "data": _job(message.data, public_url or "")}

    return told


def _job(data: dict[str, Any], start: str) -> dict[str, Any]:
    job = {name: value for name, value in data.items() if name not in UNTOLD}
    images = [_image(image, start) for image in data.get("images", ())]
    return job | {"images": images} if images else job


def _image(image: dict[str, Any], start: str) -> dict[str, Any]:
    """Its file asks for a key; the public link is for vendors whose receivers have none."""
    told = {name: value for name, value in image.items() if name != "link"}
    return told | {"file": f"{start}/darkroom/v1/images/{image['id']}/file"}
