"""Signed addresses: whoever holds one sees one image until a moment, without a key.

The signature is HMAC-SHA-256 (RFC 2104) over the image's id and that moment. Servers that share a database share the
key by setting; otherwise it is made of 32 random bytes, in a file for the server's user alone.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path

from server.errors import ImageUnknown, LinkOver
from server.secret_files import kept_key

KEY_FILE = "link.key"
LONGEST_SECONDS = 7 * 86_400


class Links:
    """folder: where the key's file lies, or will. key: one to be used instead."""

    def __init__(self, folder: Path, key: str | None, clock: Callable[[], float] = time.time) -> None:
        self._file = folder / KEY_FILE
        self._key = None if key is None else key.encode()
        self._clock = clock

    def end_in(self, seconds: int, most: float) -> int:
        """When an address made now ends: after so many seconds, but no later than `most`."""
        return int(min(self._clock() + seconds, most))

    def sign(self, image_id: str, ends: int) -> str:
        """43 letters, digits, - and _."""
        digest = hmac.digest(self._secret(), f"{image_id}\n{ends}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def check(self, image_id: str, ends: int, signature: str) -> None:
        """Raises ImageUnknown for a signature that is not ours, and LinkOver for one whose time has come."""
        if not hmac.compare_digest(self.sign(image_id, ends).encode(), signature.encode()):
            raise ImageUnknown
        if ends <= self._clock():
            raise LinkOver

    def _secret(self) -> bytes:
        if self._key is None:
            self._key = kept_key(self._file)
        return self._key
