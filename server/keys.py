"""API keys: made once, shown once, stored as hashes, compared in constant time.

A key reads dk_<id>_<secret>. The secret has 256 random bits, so one SHA-256 is enough (there is nothing to guess),
and the file of hashes is of no use to whoever reads it.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from server.errors import KeyWrong

ADMIN = "admin"  # the account of the first key
KEYS_FILE = "keys.json"


@dataclass(frozen=True, slots=True)
class Key:
    """id: what a log may name. sha256: of the whole key, in hex. account: who owns what it asks for."""

    id: str
    sha256: str
    account: str


class Keys:
    """The keys that open the door."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = tuple(keys)

    def account_of(self, presented: bytes) -> str:
        """The account of a key; raises KeyWrong. Every hash is compared, so time tells nothing."""
        digest = hashlib.sha256(presented).hexdigest()
        matches = [key for key in self._keys if hmac.compare_digest(key.sha256, digest)]
        if not matches:
            raise KeyWrong
        return matches[0].account


def load_keys(folder: Path, admin_key: str | None) -> Keys:
    """The keys stored in a folder; or `admin_key` alone, which then exists in memory only, as a hash."""
    if admin_key is not None:
        return Keys([Key("environment", hashlib.sha256(admin_key.encode()).hexdigest(), ADMIN)])
    file = folder / KEYS_FILE
    stored = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return Keys([Key(**entry) for entry in stored])


def make_first_key(folder: Path) -> str | None:
    """Make and store a key where the folder has none, and return it this once; None where there is one already."""
    folder.mkdir(parents=True, exist_ok=True)
    name = secrets.token_hex(4)
    secret = f"dk_{name}_{secrets.token_urlsafe(32)}"
    key = Key(name, hashlib.sha256(secret.encode()).hexdigest(), ADMIN)
    try:
        # Exclusive: of two servers that start at once, one makes the key and the other finds it.
        descriptor = os.open(folder / KEYS_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump([asdict(key)], file)
    return secret
