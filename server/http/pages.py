"""Cursors: the place where a page of a list ended, as letters that a client sends back as they are."""

import base64
import json
import math
import re
from typing import TypeVar

from server.errors import BodyInvalid

Value = TypeVar("Value", float, int, str)
UNSTORABLE = re.compile(r"[\0\ud800-\udfff]")
WRONG_CURSOR = "`cursor` is none of ours: send the `next` of the page before as it is."


def cursor_of(list_name: str, value: float | int | str, last_id: str) -> str:
    """list_name: what is listed in which order; a cursor of one list is none of another."""
    return base64.urlsafe_b64encode(json.dumps([list_name, value, last_id]).encode()).decode()


def place_in(list_name: str, cursor: str, kind: type[Value]) -> tuple[Value, str]:
    """Value and id of a cursor. kind: of the value. Whatever a caller makes up is at most a place where nothing is.

    Raises BodyInvalid.
    """
    try:
        name, value, last_id = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError):
        raise BodyInvalid(WRONG_CURSOR, field="cursor") from None
    fits = name == list_name and type(value) is kind and isinstance(last_id, str)
    if not fits or not _is_plain(value) or not _is_plain(last_id):
        raise BodyInvalid(WRONG_CURSOR, field="cursor")
    return value, last_id


def _is_plain(value: float | int | str) -> bool:
    """What every database takes."""
    if isinstance(value, str):
        return not UNSTORABLE.search(value)
    return math.isfinite(value) and abs(value) < 2**63
