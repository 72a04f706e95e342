"""Secrets of others that the server has to be able to read again: sealed in the database, with a key that is not in it.

Fernet (https://github.com/fernet/spec): AES-128 in CBC mode and HMAC-SHA256.
"""

import base64
import hmac
from collections.abc import Callable
from functools import cached_property, partial

from cryptography.fernet import Fernet, InvalidToken

from server.errors import SecretUnreadable
from server.secret_files import kept_key
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
    return Seal(partial(kept_key, settings.data / KEY_FILE))
