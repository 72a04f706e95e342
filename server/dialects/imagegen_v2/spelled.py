"""How this API spells what we have: ids, states, formats, money."""

from typing import Any

from server.credits.prices import credits
from server.jobs import State
from server.store.words import Format

API, PREFIX = "imagegen_v2", "/api/v2"
GENERATION, IMAGE, COLLECTION, INTEGRATION = "gen_", "img_", "coll_", "integration_"
OWN = {GENERATION: "job_", IMAGE: "image_", COLLECTION: "collection_", INTEGRATION: "connector_"}
ITEM = "gallery_item_"  # an image again, as a piece of the gallery
STATUS_OF = {
    State.QUEUED: "pending",
    State.RUNNING: "processing",
    State.SUCCEEDED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}
FORMATS: dict[str, Format] = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}


def spelled(own_id: str) -> str:
    """gen_AbC... for job_AbC..., img_AbC... for image_AbC...; other ids stay as they are."""
    for theirs, ours in OWN.items():
        if own_id.startswith(ours):
            return theirs + own_id.removeprefix(ours)
    return own_id


def own_id(prefix: str, theirs: str) -> str:
    """Our id of one that begins with GENERATION, IMAGE or the like; one that nothing has where it does not."""
    return OWN[prefix] + theirs.removeprefix(prefix) if theirs.startswith(prefix) else ""


def item_id(image_id: str) -> str:
    return ITEM + image_id.removeprefix(OWN[IMAGE])


def user_id(account: str) -> str:
    """user_AbC... for account_AbC..., user_admin for admin."""
    return f"user_{account.removeprefix('account_')}"


def format_spelled(format: Format) -> str:
    return "jpg" if format == "jpeg" else format


def cost(units: int, usd_per_credit: float) -> dict[str, Any]:
    """units: thousandths of a credit. usd_per_credit: `credit_usd` of the settings."""
    amount = credits(units)
    return {"credits": amount, "usd": round(amount * usd_per_credit, 6)}
