"""Signatures as Standard Webhooks 1.0.0 has them (https://www.standardwebhooks.com), symmetric: HMAC-SHA256."""

import base64
import binascii
import hmac
import secrets

PREFIX = "whsec_"
FEWEST_BYTES, MOST_BYTES = 24, 64


def new_secret() -> str:
    return spelled(secrets.token_bytes(32))


def spelled(key: bytes) -> str:
    """The form in which people copy a secret."""
    return PREFIX + base64.b64encode(key).decode()


def checked(secret: str) -> str:
    """A secret of Standard Webhooks, as it is; raises ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not FEWEST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError(f"it must be {PREFIX} and {FEWEST_BYTES} to {MOST_BYTES} bytes in base64")
    return secret


def key_of(secret: str) -> bytes:
    """What is signed with: the bytes that a secret spells, or a vendor's plain words as they are."""
    return base64.b64decode(secret.removeprefix(PREFIX)) if secret.startswith(PREFIX) else secret.encode()


def headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """message_id: the same for every attempt. timestamp: of this attempt, seconds since 1970."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    signature = base64.b64encode(hmac.digest(key_of(secret), signed, "sha256")).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{signature}"}
