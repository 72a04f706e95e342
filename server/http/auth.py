"""Whose request is it: a key in `Authorization: Bearer` or `X-API-Key`, the same check for every dialect.

Headers only, never cookies: a web page cannot make a browser send them for it.
"""

import re
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from server.errors import KeyMissing, SiteRefused
from server.http.parts import Parts, TheParts
from server.keys import ADMIN

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

bearer = HTTPBearer(auto_error=False, description="The key that the first start printed, or DARKROOM_ADMIN_KEY.")
api_key = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key in another header.")


def account_of(
    request: Request,
    parts: TheParts,
    token: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
    key: Annotated[str | None, Security(api_key)],
) -> str:
    """The account that asks, which the request's log line will name; raises KeyMissing, KeyWrong or SiteRefused."""
    request.state.account = _account_of(request, parts, token.credentials if token is not None else key)
    return str(request.state.account)


def _account_of(request: Request, parts: Parts, presented: str | None) -> str:
    if parts.keys is None:
        _refuse_foreign_pages(request, parts.settings.host)
        return ADMIN
    if not presented:
        raise KeyMissing
    return parts.keys.account_of(presented.encode("latin-1"))  # as it came over the wire


def _refuse_foreign_pages(request: Request, our_host: str) -> None:
    """Without keys a page from elsewhere could ask through the browser, directly or by a name bound to 127.0.0.1."""
    host = re.sub(r":[0-9]+$", "", request.headers.get("host", "").lower())
    if host not in LOCAL_NAMES | {our_host} or request.headers.get("sec-fetch-site") == "cross-site":
        raise SiteRefused


TheAccount = Annotated[str, Depends(account_of)]
