"""Who asks: the account of the key, what it used, has left, and prefers."""

from typing import Any

from fastapi import APIRouter

from pipelines.errors import ModelNotInstalled
from server.accounts import Account
from server.credits.prices import credits
from server.credits.usage import Usage
from server.dialects.imagegen_v2.spelled import PREFIX, user_id
from server.http.auth import TheAccount
from server.http.parts import Parts, TheParts
from server.spelling import moment
from server.store.ledger import day_of

LONGEST_MONTH = 31
MEGABYTE = 2**20

router = APIRouter(prefix=PREFIX)


@router.get("/user/profile")
async def profile(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """What is known of you. Days and months are those of UTC; null is no limit, or nothing that is known."""
    found = await parts.accounts.find(account)
    return {
        "user": {
            "id": user_id(found.id),
            "email": found.email,
            "username": found.name,
            "created_at": moment(found.created),
            "subscription": {"plan": found.plan, "status": "active", "renews_at": None},
            "usage": await _usage(parts, found),
            "preferences": _preferences(parts, found),
        }
    }


async def _usage(parts: Parts, account: Account) -> dict[str, Any]:
    used, today = await parts.credits.usage(account.id, LONGEST_MONTH), day_of(parts.jobs.now())
    stored, limit, left = await parts.images.bytes_of(account.id), account.storage_limit, used.purse.left
    return {
        "images_generated_today": _pictures(used, today),
        "images_generated_month": _pictures(used, today[:7]),
        "credits_remaining": None if left is None else credits(left),
        "storage_used_mb": _megabytes(stored),
        "storage_limit_mb": None if limit is None else _megabytes(limit),
    }


def _pictures(used: Usage, start: str) -> int:
    """start: of a day, such as 2026-11-21 or 2026-11."""
    return sum(row.pictures for row in used.rows if row.day.startswith(start))


def _megabytes(size: int) -> float:
    return round(size / MEGABYTE, 3)


def _preferences(parts: Parts, account: Account) -> dict[str, Any]:
    """What the account chose, or else what the server takes; nothing is filtered or saved unless it says so."""
    said = account.preferences
    try:
        usual = parts.catalog.default()
    except ModelNotInstalled:
        usual = None
    size = f"{usual.defaults.width}x{usual.defaults.height}" if usual and usual.defaults else None
    return {
        "default_model": said.default_model or (usual and usual.id),
        "default_size": said.default_size or size,
        "nsfw_filter": said.filter is True,
        "auto_save_gallery": said.auto_save is True,
    }
