"""How this API says that something went wrong, and what is left of a caller's limits."""

from typing import Any

from pipelines.errors import DarkroomError
from server.errors import status_of
from server.limits.standing import Standing

STATUSES = {402: 429}  # nothing is left to pay with: its clients know a quota by this one
PARAM_OF = {"width": "size", "height": "size", "count": "n", "factor": "scale", "adapter": "image", "model_id": "model"}
CODE_OF = {
    "key_missing": "invalid_api_key",
    "key_wrong": "invalid_api_key",
    "model_unknown": "model_not_found",
    "queue_full": "rate_limit_exceeded",
    "rate_limited": "rate_limit_exceeded",
    "streams_full": "rate_limit_exceeded",
    "credits_short": "insufficient_quota",
    "storage_limit_reached": "insufficient_quota",
    "prompt_blocked": "moderation_blocked",
    "image_invalid": "invalid_image_file",
    "body_invalid": "invalid_value",
    "task_refused": "invalid_value",
    "not_offered": "invalid_value",
}
# By status. Of a 401 the vendor says invalid_request_error too; litellm takes any such for a wrong request, not a key.
KIND_OF = {401: "authentication_error", 429: "rate_limit_error"}
QUOTA, BLOCKED = "insufficient_quota", "moderation_blocked"


def wording(error: DarkroomError, request_id: str) -> dict[str, Any]:
    """The vendor's error body; its clients find the request id in the header."""
    param = PARAM_OF.get(error.field, error.field) if error.field else None
    code = CODE_OF.get(error.code, error.code)
    if code == "invalid_value" and param == "size":
        code = "invalid_size"
    return {"error": {"message": error.sentence, "type": _kind(error, code), "param": param, "code": code}}


def limits_headers(standing: Standing) -> dict[str, str]:
    """As the vendor's guide to rate limits has them (guides/rate-limits); a duration reads 12s, or 6m0s."""
    window = standing.tightest
    return {
        "x-ratelimit-limit-requests": str(window.limit),
        "x-ratelimit-remaining-requests": str(window.remaining),
        "x-ratelimit-reset-requests": _duration(standing.seconds_to(window)),
    }


def _kind(error: DarkroomError, code: str) -> str:
    status = status_of(error)
    if code == QUOTA:
        return QUOTA
    if code == BLOCKED:
        return "image_generation_user_error"
    return KIND_OF.get(status, "server_error" if status >= 500 else "invalid_request_error")


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{seconds}s" if hours else f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
