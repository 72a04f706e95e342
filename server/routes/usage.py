"""Credits and limits: what an account has and used, what a job would cost, what the operator gives."""

from collections.abc import Iterable
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from server.bodies.addressed import own_first
from server.bodies.kinds import asked_for, openapi
from server.bodies.stored import with_stored
from server.credits.estimates import estimated_seconds
from server.credits.prices import credits, pictures_of, price_of, size_of, units
from server.http.auth import TheAccount, TheKeeper
from server.http.body import Body, check, described, read_json
from server.http.counting import asker_of
from server.http.parts import TheParts
from server.limits.standing import Standing
from server.limits.tiers import LENGTHS
from server.store.ledger import Purse, Used

MOST_CREDITS = 1_000_000_000
MOST_DAYS = 366

router = APIRouter(prefix="/darkroom/v1", tags=["credits"])


class Grant(Body):
    """A negative number takes credits back."""

    credits: Annotated[float, Field(ge=-MOST_CREDITS, le=MOST_CREDITS)]


class Quota(Body):
    """What the account may spend beyond what it was granted; null is anything."""

    credits: Annotated[float, Field(ge=0, le=MOST_CREDITS)] | None


@router.get("/usage")
async def usage(
    request: Request, parts: TheParts, account: TheAccount, days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 30
) -> dict[str, Any]:
    """What you have and used: credits, requests that were accepted, pictures; today and the days before, in UTC."""
    found = await parts.credits.usage(account, days)
    standing = await parts.limits.standing(asker_of(request.scope["state"]))
    return {
        **_purse(found.purse),
        "used": _total(found.rows),
        "by_day": [{"day": day, **_total(rows)} for day, rows in groupby(found.rows, lambda row: row.day)],
        "by_model": _by_model(found.rows),
        "limits": _limits(standing),
    }


@router.post("/estimate", openapi_extra=openapi())
async def estimate(request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """What a job would cost, and the seconds that drawing it takes here; null where nobody measured that.

    Takes the same body as POST /darkroom/v1/jobs, and draws nothing.
    """
    value, _ = await with_stored(await read_json(request), parts.images, account)
    task = (await asked_for(parts.catalog, value, own_first(request, parts, account))).task
    width, height = size_of(task)
    return {
        "credits": credits(price_of(parts.catalog, task)),
        "seconds": estimated_seconds(task, parts.catalog, parts.settings.data, parts.worker.health().device),
        "model": task.model,
        "pictures": pictures_of(task),
        "width": width,
        "height": height,
    }


@router.post("/accounts/{account_id}/grants", status_code=201, openapi_extra=described(Grant, {"credits": 100}))
async def grant(account_id: str, request: Request, parts: TheParts, caller: TheKeeper) -> dict[str, Any]:
    """Give an account credits, or take some back. For the admin."""
    asked = check(Grant, await read_json(request))
    await parts.accounts.find(account_id)
    return _purse(await parts.credits.grant(account_id, units(asked.credits)))


@router.put("/accounts/{account_id}/quota", openapi_extra=described(Quota, {"credits": 0}))
async def set_quota(account_id: str, request: Request, parts: TheParts, caller: TheKeeper) -> dict[str, Any]:
    """Say what an account may spend beyond what it was granted. For the admin."""
    asked = check(Quota, await read_json(request))
    await parts.accounts.find(account_id)
    return _purse(await parts.credits.set_quota(account_id, None if asked.credits is None else units(asked.credits)))


def _purse(purse: Purse) -> dict[str, Any]:
    amounts = {
        "granted": purse.granted,
        "spent": purse.spent,
        "reserved": purse.reserved,
        "balance": purse.balance,
        "quota": purse.quota,
        "left": purse.left,
    }
    return {name: None if amount is None else credits(amount) for name, amount in amounts.items()}


def _total(rows: Iterable[Used]) -> dict[str, Any]:
    found = list(rows)
    return {
        "requests": sum(row.requests for row in found),
        "pictures": sum(row.pictures for row in found),
        "credits": credits(sum(row.amount for row in found)),
    }


def _by_model(rows: Iterable[Used]) -> list[dict[str, Any]]:
    def name(row: Used) -> str:
        return row.model or ""

    return [{"model": model or None, **_total(same)} for model, same in groupby(sorted(rows, key=name), name)]


def _limits(standing: Standing) -> dict[str, Any]:
    windows = {name: getattr(standing, name) for name in LENGTHS}
    return {
        name: {"limit": window.limit, "remaining": window.remaining, "resets_at": window.reset}
        for name, window in windows.items()
    }
