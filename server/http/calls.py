"""Which request a job is of, and by what it is known when it comes again: the draft of the header `Idempotency-Key`
(draft-ietf-httpapi-idempotency-key-header-07), and the retries that OpenAI's clients count in a header.
"""

import re
from hashlib import sha256

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import IdempotencyKeyInvalid
from server.store.words import Call

KEY_HEADER = "idempotency-key"
TRIES_HEADER = "x-stainless-retry-count"  # 0 in a first try
BOUNDARY = re.compile(r'^multipart/.*;\s*boundary="?([^";,]{1,70})"?', re.IGNORECASE)
LONGEST_KEY = 255
# A string as RFC 8941, section 3.3.3 has it, or the same characters without quotes, as most clients send it.
QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
BARE = re.compile(r"[\x21\x23-\x7e]+")


class Fingerprint:
    """SHA-256 of method, address and body as they come, without a form's boundary, which is another one in each try."""

    def __init__(self, method: str, address: bytes, boundary: bytes) -> None:
        self._hash = sha256(method.encode() + b" " + address + b"\n")
        self._boundary = boundary
        self._rest = b""  # it may be the beginning of a boundary

    def add(self, chunk: bytes) -> None:
        *parts, rest = (self._rest + chunk).split(self._boundary) if self._boundary else [chunk]
        for part in parts:
            self._hash.update(part + b"\0")
        sure = max(0, len(rest) - len(self._boundary) + 1) if self._boundary else len(rest)
        self._hash.update(rest[:sure])
        self._rest = rest[sure:]

    def hexdigest(self) -> str:
        whole = self._hash.copy()
        whole.update(self._rest)
        return whole.hexdigest()


class Fingerprints:
    """Takes the fingerprint of each request that may come again, while its body goes by."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if KEY_HEADER not in headers and TRIES_HEADER not in headers:
            await self._app(scope, receive, send)
            return
        boundary = BOUNDARY.match(headers.get("content-type", ""))
        address = scope["path"].encode() + b"?" + scope["query_string"]
        taken = Fingerprint(scope["method"], address, boundary[1].encode("latin-1") if boundary else b"")
        scope.setdefault("state", {})["fingerprint"] = taken

        async def seen() -> Message:
            message = await receive()
            taken.add(message.get("body", b""))
            return message

        await self._app(scope, seen, send)


def call_of(request: Request) -> Call:
    """Of the next job that is submitted for this request, whose body has been read. Raises IdempotencyKeyInvalid."""
    number = getattr(request.state, "submitted", 0)
    request.state.submitted = number + 1
    taken: Fingerprint | None = getattr(request.state, "fingerprint", None)
    return Call(
        request=request.state.request_id,
        fingerprint=taken.hexdigest() if taken else "",
        key=_key(request.headers.getlist(KEY_HEADER)),
        tries=tries_of(request),
        number=number,
    )


def tries_of(request: Request) -> int | None:
    """How often its client tried before, where it says so."""
    said = request.headers.get(TRIES_HEADER, "")
    return int(said) if re.fullmatch(r"[0-9]{1,4}", said) else None


def _key(said: list[str]) -> str | None:
    if not said:
        return None
    quoted = QUOTED.fullmatch(said[0].strip())
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else said[0].strip()
    is_one = len(said) == 1 and 1 <= len(key) <= LONGEST_KEY
    if not is_one or not (quoted or BARE.fullmatch(key)):
        raise IdempotencyKeyInvalid
    return key
