"""Whose request is it, and may they: a key or an access token, the same check for every dialect.

`Authorization: Bearer`, `X-API-Key`, or HTTP Basic with the key as its password (RFC 7617), whoever the user is. Never
cookies, and no challenge to send a password: a web page cannot make a browser send these headers for it.
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from server.errors import AccountUnknown, KeyMissing, NotOperator, ScopeMissing, SiteRefused
from server.http.counting import count_at_the_door
from server.http.parts import Parts, TheParts
from server.keys import ADMIN, Caller, Scope
from server.store.audit import Who, asking
from server.tokens import looks_like_token

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
LOOKING = frozenset({"GET", "HEAD"})


class Password(HTTPBasic):
    """FastAPI's own refuses a header that it cannot read, before anybody knows whether a key is needed at all."""

    async def __call__(self, request: Request) -> HTTPBasicCredentials | None:  # type: ignore[override]
        scheme, parameter = get_authorization_scheme_param(request.headers.get("authorization"))
        if scheme.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(parameter, validate=True).decode("latin-1").partition(":")
        except (binascii.Error, ValueError):
            return None
        return HTTPBasicCredentials(username=user, password=password)


bearer = HTTPBearer(auto_error=False, description="A key, such as the one that the first start printed, or a token.")
basic = Password(auto_error=False, description="Any user name, and the key as the password.")
api_key = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key in another header.")


async def caller_of(
    request: Request,
    parts: TheParts,
    token: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
    password: Annotated[HTTPBasicCredentials | None, Security(basic)],
    key: Annotated[str | None, Security(api_key)],
) -> Caller:
    """Who asks, which the request's log line will name; raises KeyMissing, KeyWrong, TokenWrong, SiteRefused or
    IssuerSilent.

    Its request is counted where every one counts, which raises RateLimited.
    """
    presented = (token and token.credentials) or (password and password.password) or key
    asking.set(who := Who(address=request.client and request.client.host, request=request.state.request_id))
    caller = await _caller(request, parts, presented)
    asking.set(replace(who, account=caller.account, key=caller.key))
    request.state.caller, request.state.account = caller, caller.account
    await count_at_the_door(request, parts)
    return caller


async def _caller(request: Request, parts: Parts, presented: str | None) -> Caller:
    if not parts.settings.auth:
        _refuse_foreign_pages(request, parts.settings.host)
        return Caller(ADMIN)
    if not presented:
        raise KeyMissing
    as_sent = presented.encode("latin-1")
    if parts.tokens is not None and looks_like_token(as_sent):
        return await parts.tokens.caller(as_sent)
    return await parts.keys.caller(as_sent)


def _refuse_foreign_pages(request: Request, our_host: str) -> None:
    """Without keys a page from elsewhere could ask through the browser, directly or by a name bound to 127.0.0.1."""
    host = re.sub(r":[0-9]+$", "", request.headers.get("host", "").lower())
    if host not in LOCAL_NAMES | {our_host} or request.headers.get("sec-fetch-site") == "cross-site":
        raise SiteRefused


TheCaller = Annotated[Caller, Depends(caller_of)]


async def account_of(request: Request, caller: TheCaller) -> str:
    """The account that asks. To look takes the scope `read`, all else, by its method, `draw`. Raises ScopeMissing."""
    return _with(caller, Scope.READ if request.method in LOOKING else Scope.DRAW).account


def needing(scope: Scope) -> Callable[[Caller], Awaitable[Caller]]:
    """The caller, for a route that takes a scope whatever its method is. Raises ScopeMissing."""

    async def caller_with(caller: TheCaller) -> Caller:
        return _with(caller, scope)

    return caller_with


def _with(caller: Caller, scope: Scope) -> Caller:
    if scope not in caller.scopes:
        raise ScopeMissing(scope)
    return caller


TheAccount = Annotated[str, Depends(account_of)]
TheManager = Annotated[Caller, Depends(needing(Scope.MANAGE))]


async def operator_of(request: Request, parts: TheParts, caller: TheManager) -> Caller:
    """For what concerns the whole server; the audit log has what is no mere look. Raises ScopeMissing, NotOperator."""
    if caller.account != ADMIN:
        raise NotOperator
    if request.method not in LOOKING:
        await parts.audit.note("operator_asked", method=request.method, route=request.scope["route"].path)
    return caller


async def keeper_of(caller: TheManager) -> Caller:
    """For accounts by their id: to everybody but `admin` none is there. Raises ScopeMissing and AccountUnknown."""
    if caller.account != ADMIN:
        raise AccountUnknown
    return caller


async def admin_of(account: TheAccount) -> str:
    """For figures of the whole server: by its method, as the account does. Raises ScopeMissing and NotOperator."""
    if account != ADMIN:
        raise NotOperator
    return account


TheOperator = Annotated[Caller, Depends(operator_of)]
TheKeeper = Annotated[Caller, Depends(keeper_of)]
