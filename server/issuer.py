"""The public keys of whoever issues access tokens: from a file, or as the issuer publishes them.

Formats: RFC 7517 (JSON Web Key Set); OpenID Connect Discovery 1.0, section 4, says where an issuer's are.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
import structlog

from pipelines.errors import DarkroomError
from server.errors import IssuerSilent, TokenWrong
from server.fetch import Fetch

ALGORITHMS = ("RS256", "ES256", "EdDSA")  # never one whose key is a secret: the issuer's keys are known to everybody
KEPT_SECONDS = 3600.0  # then they are read again, because an issuer may have withdrawn one
AGAIN_SECONDS = 60.0  # at least between two readings, whatever tokens come in
FAILED_SECONDS = 5.0  # the same after one that failed
WELL_KNOWN = "/.well-known/openid-configuration"

Read = Callable[[], Awaitable[bytes]]

log = structlog.get_logger()


def from_file(file: Path) -> Read:
    """Read again like the issuer's own, so that a file can be replaced while the server runs."""

    async def read() -> bytes:
        return await asyncio.to_thread(file.read_bytes)

    return read


def from_issuer(fetch: Fetch, issuer: str) -> Read:
    """fetch: may call the issuer, and whatever the issuer says that its keys are at."""

    async def read() -> bytes:
        described: dict[str, Any] = json.loads(await fetch.get(issuer.rstrip("/") + WELL_KNOWN))
        if described["issuer"] != issuer:
            raise ValueError("another issuer than the one in the settings")
        if issuer.startswith("https:") and not described["jwks_uri"].startswith("https:"):
            raise ValueError("keys that anybody on the way could change")
        return await fetch.get(described["jwks_uri"])

    return read


class IssuerKeys:
    """Read when they are needed, and kept. One that nobody has seen is a reason to read them again, now and then."""

    def __init__(self, read: Read, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._keys: list[jwt.PyJWK] | None = None
        self._old_from = 0.0
        self._again_from = clock()
        self._reading = asyncio.Lock()

    async def get(self, key_id: str | None) -> jwt.PyJWK:
        """key_id: None is enough where there is one key. Raises TokenWrong; IssuerSilent before the first reading."""
        if self._keys is None or self._clock() >= self._old_from:
            await self._refresh()
        key = self._find(key_id)
        if key is None:
            await self._refresh()
            key = self._find(key_id)
        if key is None:
            raise IssuerSilent if self._keys is None else TokenWrong
        return key

    def _find(self, key_id: str | None) -> jwt.PyJWK | None:
        keys = self._keys or []
        if key_id is None:
            return keys[0] if len(keys) == 1 else None
        return next((key for key in keys if key.key_id == key_id), None)

    async def _refresh(self) -> None:
        async with self._reading:
            if self._clock() < self._again_from:
                return
            try:
                self._keys = keys_in(await self._read())
            except (DarkroomError, OSError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
                self._again_from = self._clock() + FAILED_SECONDS
                log.warning("issuer_keys_unread", error=type(error).__name__)
            else:
                self._again_from = self._clock() + AGAIN_SECONDS
                self._old_from = self._clock() + KEPT_SECONDS


def keys_in(content: bytes) -> list[jwt.PyJWK]:
    """Those of a key set that sign with one of ALGORITHMS. Raises ValueError and PyJWTError where it is none."""
    keys = jwt.PyJWKSet.from_json(content.decode()).keys
    return [key for key in keys if key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig")]
