"""Keys over HTTP: made, shown once, listed, revoked. Of one's own account; of all accounts for `admin`."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field

from server.errors import AccountUnknown, ScopeMissing
from server.http.auth import TheManager
from server.http.body import Body, Name, check, described, read_json
from server.http.parts import Parts, TheParts
from server.keys import ADMIN, Caller, Key, Scope

MOST_MODELS = 200
LONGEST_DAYS = 36_500
EXAMPLE = {"name": "the web shop", "scopes": ["draw", "read"], "models": ["shapes-xl"], "days": 90}

router = APIRouter(prefix="/darkroom/v1", tags=["keys"])


class NewKey(Body):
    """Without `scopes` it may draw and read; without `models` it may use all, without `days` it never ends.

    `account`, another one than the caller's, is for `admin`.
    """

    name: Name
    scopes: Annotated[list[Literal["draw", "read", "manage"]], Field(min_length=1)] | None = None
    models: Annotated[list[Name], Field(min_length=1, max_length=MOST_MODELS)] | None = None
    days: Annotated[float, Field(gt=0, le=LONGEST_DAYS)] | None = None
    account: Name | None = None


def described_key(key: Key) -> dict[str, Any]:
    """Never its hash."""
    return {
        "id": key.id,
        "name": key.name,
        "account": key.account,
        "scopes": sorted(key.scopes),
        "models": None if key.models is None else sorted(key.models),
        "created_at": key.created,
        "expires_at": key.expires,
        "revoked_at": key.revoked,
        "last_used_at": key.last_used,
    }


@router.post("/keys", status_code=201, openapi_extra=described(NewKey, EXAMPLE))
async def create(request: Request, parts: TheParts, caller: TheManager) -> dict[str, Any]:
    """A new key. `key` is what opens the door; it is told this once.

    It may do no more than the one that makes it.
    """
    asked = check(NewKey, await read_json(request))
    account = await _account(parts, caller, asked.account)
    expires = None if asked.days is None else parts.jobs.now() + 86_400 * asked.days
    rights = {"scopes": _scopes(asked, caller), "models": _models(asked, caller), "expires": expires}
    key, secret = await parts.keys.make(account, asked.name, **rights)
    return {**described_key(key), "key": secret}


@router.get("/keys")
async def listed(
    parts: TheParts,
    caller: TheManager,
    account: Annotated[str | None, Query(max_length=128, pattern=r"^[^\x00]*$")] = None,
) -> dict[str, Any]:
    """The keys of an account, the newest first, also those that open nothing any more."""
    keys = await parts.keys.listed(await _account(parts, caller, account))
    return {"keys": [described_key(key) for key in keys]}


@router.delete("/keys/{key_id}", status_code=204)
async def revoke(key_id: str, parts: TheParts, caller: TheManager) -> None:
    """From now on it opens nothing, in any process."""
    await parts.keys.revoke(caller, key_id)


async def _account(parts: Parts, caller: Caller, named: str | None) -> str:
    """Whose keys; raises AccountUnknown, for the accounts of others too."""
    if named is None or named == caller.account:
        return caller.account
    if caller.account != ADMIN:
        raise AccountUnknown
    return (await parts.accounts.find(named)).id


def _scopes(asked: NewKey, caller: Caller) -> frozenset[Scope]:
    scopes = frozenset(map(Scope, asked.scopes or (Scope.DRAW, Scope.READ)))
    for scope in sorted(scopes - caller.scopes):
        raise ScopeMissing(scope)
    return scopes


def _models(asked: NewKey, caller: Caller) -> frozenset[str] | None:
    if asked.models is None:
        return caller.models
    caller.check_models(set(asked.models))
    return frozenset(asked.models)
