"""The audit log over HTTP, for the account `admin`."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from server.http.auth import TheOperator
from server.http.parts import TheParts

MOST_LISTED = 1000

router = APIRouter(prefix="/darkroom/v1", tags=["accounts"])


@router.get("/audit")
async def listed(
    parts: TheParts,
    operator: TheOperator,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    what: Annotated[str | None, Query(max_length=40, pattern=r"^[a-z_]+$")] = None,
    account: Annotated[str | None, Query(max_length=128, pattern=r"^[\w-]+$")] = None,
) -> dict[str, Any]:
    """Who did what, the newest first; docs/operations.md lists the words of `what`. `at` is seconds since 1970.

    `next` is the `before` of the page after this one, null on the last.
    """
    entries = await parts.audit.page(limit + 1, before=before, what=what, account=account)
    page = entries[:limit]
    return {"entries": list(map(asdict, page)), "next": page[-1].id if entries[limit:] else None}
