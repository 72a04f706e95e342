"""Access tokens of an OpenID Connect issuer, which open the door beside our own keys.

Formats: RFC 7519 (JSON Web Token), RFC 9068 (access tokens); rules: RFC 8725. Which algorithm checks a token is the
issuer's key's to say, never the token's.
"""

import base64
import hashlib
from typing import Any

import jwt

from server.accounts import Accounts
from server.addresses import Destinations
from server.errors import AccountUnknown, TokenWrong
from server.fetch import Fetch, Way
from server.issuer import ALGORITHMS, IssuerKeys, from_file, from_issuer
from server.keys import Caller, Scope
from server.settings import Settings

LEEWAY_SECONDS = 60.0  # by which the issuer's clock and ours may differ
LONGEST_NAME = 200
MOST_BYTES = 2**20  # of what an issuer publishes
FETCH_SECONDS = 10.0


class Tokens:
    """claim: whose value tells accounts apart, for good."""

    def __init__(self, issuer: str, audience: str, claim: str, keys: IssuerKeys, accounts: Accounts) -> None:
        self._issuer, self._audience, self._claim = issuer, audience, claim
        self._keys, self._accounts = keys, accounts

    async def caller(self, presented: bytes) -> Caller:
        """Whose token it is; the account is made at first sight. Raises TokenWrong and IssuerSilent."""
        claims = await self._claims(presented)
        who = claims.get(self._claim)
        if not isinstance(who, str) or not who:
            raise TokenWrong
        email = claims.get("email")
        try:
            account = await self._accounts.of_token(
                account_id(self._issuer, who), _plain(who), _plain(email) if isinstance(email, str) else None
            )
        except AccountUnknown:
            raise TokenWrong from None
        return Caller(account.id, None, scopes_in(claims))

    async def _claims(self, presented: bytes) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(presented)
            if header.get("alg") not in ALGORITHMS:
                raise TokenWrong
            return jwt.decode(
                presented,
                await self._keys.get(header.get("kid")),
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (jwt.PyJWTError, ValueError, OverflowError, RecursionError):
            raise TokenWrong from None


def tokens_of(settings: Settings, accounts: Accounts, way: Way) -> Tokens | None:
    """None where the operator names no issuer. The issuer may be called wherever it is, because it is named."""
    issuer = settings.oidc_issuer
    if issuer is None or settings.oidc_audience is None:
        return None
    if settings.oidc_keys is not None:
        read = from_file(settings.oidc_keys)
    else:
        host = issuer.split("/")[2]
        destinations = Destinations.of("public", [host])
        read = from_issuer(Fetch(destinations, most_bytes=MOST_BYTES, seconds=FETCH_SECONDS, way=way), issuer)
    return Tokens(issuer, settings.oidc_audience, settings.oidc_claim, IssuerKeys(read), accounts)


def looks_like_token(presented: bytes) -> bool:
    """Three parts, of which the first is a JSON object in base64."""
    return presented.startswith(b"eyJ") and presented.count(b".") == 2


def account_id(issuer: str, who: str) -> str:
    """The same for the same person, and of no account that was made in another way, `admin` least of all."""
    digest = hashlib.sha256(f"{issuer}\0{who}".encode("utf-8", "surrogatepass")).digest()
    return f"account_{base64.urlsafe_b64encode(digest)[:22].decode()}"


def scopes_in(claims: dict[str, Any]) -> frozenset[Scope]:
    """Those that we know, of `scope` (RFC 8693, section 4.2) and of `scp`, which some issuers say instead."""
    said: set[str] = set()
    for value in (claims.get("scope"), claims.get("scp")):
        if isinstance(value, str):
            said.update(value.split())
        elif isinstance(value, list):
            said.update(word for word in value if isinstance(word, str))
    return frozenset(scope for scope in Scope if scope in said)


def _plain(text: str) -> str:
    """What a database can keep."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:LONGEST_NAME]
