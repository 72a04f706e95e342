"""Secrets of others that the server has to be able to read again: sealed in the database, with a key that is not in it.

Fernet (https://github.com/fernet/spec): AES-128 in CBC mode and HMAC-SHA256.
"""

import base64
import hmac
import os
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from server.errors import SecretUnreadable
from server.settings import Settings

KEY_FILE = "secret.key"


class Seal:
    """key: gives the one secret from which all others are derived; asked when something is first sealed."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._key = key

    def seal(self, secret: str) -> str:
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Raises SecretUnreadable where another key sealed it."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise SecretUnreadable from None

    def derived(self, purpose: str) -> bytes:
        """32 bytes for one purpose, always the same, which tell nothing of the key."""
        return hmac.digest(self._secret, purpose.encode(), "sha256")

    @cached_property
    def _secret(self) -> bytes:
        return self._key()

    @cached_property
    def _fernet(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self.derived("seal")))


def make_seal(settings: Settings) -> Seal:
    """With the operator's key, or one that is made once and kept in the data folder."""
    if settings.secret_key is not None:
        given = settings.secret_key.get_secret_value().encode()
        return Seal(lambda: given)
    return Seal(partial(_kept_key, settings.data / KEY_FILE))


def _kept_key(file: Path) -> bytes:
    """Of servers that start at once, one makes the key and the others find it, whole."""
    with suppress(FileNotFoundError):
        return file.read_bytes()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, new = tempfile.mkstemp(dir=file.parent)  # for its owner alone
    try:
        with os.fdopen(descriptor, "wb") as whole:
            whole.write(secrets.token_urlsafe(32).encode())
            whole.flush()
            os.fsync(whole.fileno())
        with suppress(FileExistsError):
            os.link(new, file)
    finally:
        os.unlink(new)
    return file.read_bytes()
