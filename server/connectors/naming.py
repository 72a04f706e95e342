"""Names of uploaded files: a pattern with what is known of a picture, made safe for every file system."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

DEFAULT = "{date}_{prompt_snippet}_{id}"
FIELDS = ("date", "time", "prompt_snippet", "id", "job", "number", "model", "seed", "width", "height")
LONGEST_NAME = 150  # bytes, without the extension; file systems take 255
LONGEST_SNIPPET = 40  # characters
FIELD = re.compile(r"\{([^{}]*)\}")
UNSAFE = re.compile(r"[^\w.\-]+")
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(\.|$)", re.IGNORECASE)


def checked_pattern(pattern: str) -> str:
    """As it is; raises ValueError for what nobody can fill in."""
    if any(name not in FIELDS for name in FIELD.findall(pattern)) or re.search(r"[{}]", FIELD.sub("", pattern)):
        raise ValueError(f"it may hold {', '.join(f'{{{name}}}' for name in FIELDS)} and no other braces")
    return pattern


def file_name(pattern: str, known: Mapping[str, str], extension: str) -> str:
    """No separators, no dots at the start, no name that Windows keeps for itself; with `{id}` at the end where the
    pattern has none, so that no two pictures have one name.
    """
    if "{id}" not in pattern:
        pattern += "_{id}"
    whole = FIELD.sub(lambda field: known[field[1]], pattern)
    safe = UNSAFE.sub("_", unicodedata.normalize("NFC", whole)).lstrip(".-_ ") or "picture"
    if RESERVED.match(safe):
        safe = f"_{safe}"
    if len(safe.encode()) > LONGEST_NAME:
        end = f"_{UNSAFE.sub('_', known['id'])}"
        safe = safe.encode()[: LONGEST_NAME - len(end.encode())].decode(errors="ignore") + end
    return f"{safe.rstrip('. ')}.{extension}"


def known_of(data: Mapping[str, Any], number: int, created: float) -> dict[str, str]:
    """The fields of a job's picture. data: the job as the outbox has it. number: from 0. created: of the message."""
    image, moment = data["images"][number], datetime.fromtimestamp(created, UTC)
    snippet = " ".join((data["prompt"] or "").split())[:LONGEST_SNIPPET].strip()
    return {
        "date": moment.strftime("%Y-%m-%d"),
        "time": moment.strftime("%H%M%S"),
        "prompt_snippet": snippet or "picture",
        "id": image["id"],
        "job": data["id"],
        "number": str(number + 1),
        "model": image["model"] or "none",
        "seed": "none" if image["seed"] is None else str(image["seed"]),
        "width": str(image["width"]),
        "height": str(image["height"]),
    }
