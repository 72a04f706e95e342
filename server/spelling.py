"""How other APIs spell what we have: ids as UUIDs, moments in ISO 8601, states in their words."""

import base64
import binascii
from datetime import UTC, datetime
from uuid import UUID, uuid5

ACCOUNTS = UUID("8f6cf2a4-2d1c-4b7e-9a53-6f0f2f1f7d10")  # a namespace of our own (RFC 9562, section 6.6), made once


def moment(seconds: float) -> str:
    """2025-11-28T10:00:00.000Z for seconds since 1970 (RFC 3339, with milliseconds)."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def uuid_of(own_id: str) -> str:
    """The UUID of one of our ids, such as job_AbC...: the same 128 bits."""
    return str(UUID(bytes=base64.urlsafe_b64decode(own_id.partition("_")[2] + "==")))


def id_of(kind: str, spelled: str) -> str:
    """Our id of a UUID, whatever its letters' case; one that nothing has where it is no UUID. kind: `job`, `image`."""
    try:
        return f"{kind}_{base64.urlsafe_b64encode(UUID(spelled).bytes).decode().rstrip('=')}"
    except (ValueError, binascii.Error):
        return ""


def account_uuid(account: str) -> str:
    """A UUID that stands for an account, the same every time."""
    return str(uuid5(ACCOUNTS, account))
