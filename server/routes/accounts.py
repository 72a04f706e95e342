"""Accounts over HTTP: one's own for everybody, all of them for the account `admin`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from server.accounts import Account
from server.http.auth import TheAccount, TheKeeper, TheOperator
from server.http.body import Body, Name, check, described, read_json
from server.http.parts import TheParts

MOST_LISTED = 100

router = APIRouter(prefix="/darkroom/v1", tags=["accounts"])

Email = Annotated[str, Field(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")]
Bytes = Annotated[int, Field(ge=0, lt=2**62)]


class NewAccount(Body):
    """`plan` names a tier of limits. `storage_limit` is in bytes; without one there is none."""

    name: Name
    email: Email | None = None
    plan: Name = "free"
    storage_limit: Bytes | None = None


class AccountChanges(Body):
    """What is left out stays; null takes an `email` or a `storage_limit` away."""

    name: Name = ""
    email: Email | None = None
    plan: Name = ""
    storage_limit: Bytes | None = None


class PreferenceChanges(Body):
    """What is left out stays; null takes a preference away."""

    default_model: Name | None = None
    default_size: Annotated[str, Field(pattern=r"^[0-9]{1,5}x[0-9]{1,5}$")] | None = None
    filter: bool | None = None
    auto_save: bool | None = None


def described_account(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "email": account.email,
        "plan": account.plan,
        "preferences": {name: getattr(account.preferences, name) for name in PreferenceChanges.model_fields},
        "storage_limit": account.storage_limit,
        "created_at": account.created,
    }


@router.get("/account")
async def own(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """The account of your key."""
    return described_account(await parts.accounts.find(account))


@router.patch(
    "/account/preferences",
    openapi_extra=described(PreferenceChanges, {"default_model": "shapes-xl", "default_size": "128x128"}),
)
async def prefer(request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Change what is taken where your requests do not say. Answers with the account."""
    changes = check(PreferenceChanges, await read_json(request)).model_dump(exclude_unset=True)
    return described_account(await parts.accounts.prefer(account, changes))


@router.get("/accounts")
async def listed(
    parts: TheParts,
    operator: TheOperator,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 20,
    after: Annotated[str, Query(max_length=128, pattern=r"^[\w-]*$")] = "",
) -> dict[str, Any]:
    """All accounts by their ids. `next` is the `after` of the page after this one, null on the last."""
    accounts = await parts.accounts.page(limit + 1, after)
    page = accounts[:limit]
    return {"accounts": list(map(described_account, page)), "next": page[-1].id if accounts[limit:] else None}


@router.post(
    "/accounts", status_code=201, openapi_extra=described(NewAccount, {"name": "the web shop", "plan": "basic"})
)
async def create(request: Request, parts: TheParts, operator: TheOperator) -> dict[str, Any]:
    """A new account. It has no key yet: `POST /darkroom/v1/keys` with its id as `account` makes one."""
    asked = check(NewAccount, await read_json(request))
    return described_account(await parts.accounts.make(**asked.model_dump()))


@router.get("/accounts/{account_id}")
async def show(account_id: str, parts: TheParts, keeper: TheKeeper) -> dict[str, Any]:
    """One of them."""
    return described_account(await parts.accounts.find(account_id))


@router.patch("/accounts/{account_id}", openapi_extra=described(AccountChanges, {"plan": "pro"}))
async def change(account_id: str, request: Request, parts: TheParts, keeper: TheKeeper) -> dict[str, Any]:
    """Change what the fields say."""
    changes = check(AccountChanges, await read_json(request)).model_dump(exclude_unset=True)
    return described_account(await parts.accounts.change(account_id, changes))


@router.delete("/accounts/{account_id}", status_code=204)
async def delete(account_id: str, parts: TheParts, keeper: TheKeeper) -> None:
    """Its keys open nothing from now on, its jobs end, and what it owns is not found any more. `admin` stays."""
    await parts.accounts.remove(account_id)
