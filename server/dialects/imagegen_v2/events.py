"""The messages of webhooks in the words of this API: what was drawn is a generation, other work a process."""

from collections.abc import Sequence
from typing import Any

from pipelines.errors import DarkroomError
from server.dialects.imagegen_v2.spelled import cost, spelled, user_id
from server.dialects.imagegen_v2.wording import wording
from server.errors import JobCancelled, JobFailed
from server.http.own_links import OPEN_LINKS
from server.settings import Settings
from server.spelling import moment
from server.store.outbox import Message
from server.webhooks.forms import TEST, Form

EVENTS = ("generation.completed", "generation.failed", "process.completed", "process.failed")
SUCCEEDED = "job.succeeded"
# The classes of tasks whose pictures come out of noise.
DRAWN = frozenset({"TextToImage", "ImageToImage", "TiledImageToImage", "Inpaint", "Outpaint", "Edit"})


def form(settings: Settings) -> Form:
    """Addresses begin with `public_url`, and with nothing where there is none: a message has no host to go by."""
    start = f"{settings.public_url or ''}{OPEN_LINKS}"

    def told(message: Message, events: Sequence[str]) -> dict[str, Any] | None:
        name = event_of(message)
        if name not in (*events, TEST) or message.data.get("said", {}).get("is_part"):
            return None  # what is asked for beside an answer is nobody's generation
        data = dict(message.data) if name == TEST else _data(message, start, settings.credit_usd)
        return {"event": name, "timestamp": moment(message.created), "data": data}

    return told


def event_of(message: Message) -> str:
    """A job that was cancelled reads as failed."""
    if message.event == TEST:
        return TEST
    what = "generation" if message.data["task"] in DRAWN else "process"
    return f"{what}.{'completed' if message.event == SUCCEEDED else 'failed'}"


def _data(message: Message, start: str, credit_usd: float) -> dict[str, Any]:
    job = message.data
    images = [{"id": spelled(image["id"]), "url": f"{start}/{image['link']}"} for image in job["images"]]
    told = {
        "generation_id": spelled(job["id"]),
        "user_id": user_id(job["account"]),
        "model": job["model"],
        "prompt": job["prompt"],
        "images": images,
        "cost": cost(job["credits"], credit_usd),
    }
    return told if message.event == SUCCEEDED else told | {"error": _error(job["error"])}


def _error(told: dict[str, str] | None) -> dict[str, Any]:
    """As an answer would word it."""
    error: DarkroomError = JobCancelled() if told is None else JobFailed(told["code"], told["message"])
    worded = wording(error, "")["error"]
    return {name: worded[name] for name in ("type", "code", "message")}
