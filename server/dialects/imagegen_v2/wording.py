"""How this API words errors, with twelve codes, and limits, in seven headers."""

from typing import Any, NamedTuple

from pipelines.errors import DarkroomError
from server.dialects.imagegen_v2.spelled import spelled
from server.errors import JobTooSlow, status_of
from server.limits.standing import Standing


class Code(NamedTuple):
    """type, and what to do about it."""

    type: str
    suggestion: str


CODES = {
    "UNAUTHORIZED": Code("authentication_error", "Send a key as `Authorization: Bearer KEY` or `X-API-Key: KEY`."),
    "FORBIDDEN": Code("permission_error", "Use a key with the rights for this."),
    "NOT_FOUND": Code("not_found_error", "Check the address and the id in it."),
    "INVALID_REQUEST": Code("validation_error", "Change the field that is named and send the request again."),
    "INVALID_PROMPT": Code("validation_error", "Write the prompt in other words."),
    "MODEL_NOT_AVAILABLE": Code("service_error", "Choose a model that GET /api/v2/models lists as active."),
    "RATE_LIMITED": Code("rate_limit_error", "Wait for as many seconds as Retry-After says."),
    "QUOTA_EXCEEDED": Code("quota_error", "Ask for less, or ask the operator of this server for more."),
    "INVALID_IMAGE": Code(
        "validation_error", "Send a PNG, JPEG or WEBP picture, as a data URL or by a public address."
    ),
    "GENERATION_FAILED": Code("server_error", "Try again; the server's log tells more under the request id."),
    "TIMEOUT": Code("timeout_error", "Ask for the generation later, or send `Prefer: respond-async`."),
    "MAINTENANCE": Code("service_error", "Try again in a few seconds."),
}
BY_ERROR = {
    "prompt_blocked": "INVALID_PROMPT",
    "image_invalid": "INVALID_IMAGE",
    "address_refused": "INVALID_IMAGE",
    "fetch_failed": "INVALID_IMAGE",
    "model_not_installed": "MODEL_NOT_AVAILABLE",
    "weights_refused": "MODEL_NOT_AVAILABLE",
    "out_of_memory": "MODEL_NOT_AVAILABLE",
    "worker_lost": "MODEL_NOT_AVAILABLE",
}
BY_STATUS = {
    401: "UNAUTHORIZED",
    402: "QUOTA_EXCEEDED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    429: "RATE_LIMITED",
    503: "MAINTENANCE",
    504: "TIMEOUT",
}
# Statuses that the document does not have, and those that it has in their place.
STATUSES = {405: 400, 409: 400, 410: 404, 413: 400, 416: 400, 422: 400, 502: 503, 507: 500}
# Our words for a field to theirs.
FIELDS = {
    "width": "parameters.width",
    "height": "parameters.height",
    "count": "parameters.num_outputs",
    "steps": "parameters.num_inference_steps",
    "guidance_scale": "parameters.guidance_scale",
    "seed": "parameters.seed",
    "sampler": "parameters.sampler",
    "mask": "mask_image",
    "factor": "scale_factor",
    "denoise": "denoise_strength",
    "background": "background_color",
    "controls": "preserve.structure",
}
DOCUMENTATION = "/docs"


def wording(error: DarkroomError, request_id: str) -> dict[str, Any]:
    """The nearest of the twelve codes; `reason` is our own code, and the status says the rest."""
    code = code_of(error)
    details: dict[str, Any] = {
        "field": FIELDS.get(error.field, error.field) if error.field else None,
        "reason": error.code,
        "suggestion": CODES[code].suggestion,
    }
    if isinstance(error, JobTooSlow) and error.job is not None:
        details["generation_id"] = spelled(error.job)
    body = {"type": CODES[code].type, "code": code, "message": error.sentence, "details": details}
    return {"error": body | {"request_id": request_id, "documentation_url": DOCUMENTATION}}


def code_of(error: DarkroomError) -> str:
    status = status_of(error)
    nearest = "INVALID_REQUEST" if status < 500 else "GENERATION_FAILED"
    return BY_ERROR.get(error.code) or BY_STATUS.get(STATUSES.get(status, status), nearest)


def limits_headers(standing: Standing) -> dict[str, str]:
    """X-RateLimit-* of the minute or the hour, whichever is full first; X-Quota-* of the day."""
    window = min(standing.minute, standing.hour, key=lambda window: (window.remaining, -window.reset))
    return {
        "X-RateLimit-Limit": str(window.limit),
        "X-RateLimit-Remaining": str(window.remaining),
        "X-RateLimit-Reset": str(window.reset),
        "X-RateLimit-Reset-After": str(standing.seconds_to(window)),
        "X-Quota-Limit": str(standing.day.limit),
        "X-Quota-Remaining": str(standing.day.remaining),
        "X-Quota-Reset": str(standing.day.reset),
    }
