"""Access tokens of an issuer open the door, and nothing that only looks like one does."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from pydantic import ValidationError

from server.errors import FetchFailed, IssuerSilent, TokenWrong
from server.issuer import AGAIN_SECONDS, FAILED_SECONDS, KEPT_SECONDS, IssuerKeys, keys_in
from server.settings import Settings
from tests.server.serving import Serve, running

ISSUER = "https://id.example.org/realm"
AUDIENCE = "darkroom"
SECRETS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_PEM = SECRETS["RS256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def key_set(*algorithms: str) -> bytes:
    """What an issuer publishes; the id of a key is its algorithm."""
    kinds: dict[str, Any] = {
        "RS256": jwt.algorithms.RSAAlgorithm,
        "ES256": jwt.algorithms.ECAlgorithm,
        "EdDSA": jwt.algorithms.OKPAlgorithm,
    }
    public = {name: kinds[name].to_jwk(SECRETS[name].public_key(), as_dict=True) for name in algorithms}
    return json.dumps({"keys": [key | {"kid": name, "use": "sig"} for name, key in public.items()]}).encode()


def claims(**said: Any) -> dict[str, Any]:
    """Those of a good token; None leaves one out."""
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "somebody", "exp": time.time() + 300, "scope": "draw read openid"}
    return {name: value for name, value in (good | said).items() if value is not None}


def token(algorithm: str = "RS256", *, secret: Any = None, kid: str | None = None, **said: Any) -> str:
    headers = {"kid": kid or algorithm}
    return jwt.encode(claims(**said), secret or SECRETS[algorithm], algorithm, headers=headers)


def unsigned(**header: str) -> str:
    """A token with this header and a signature of nothing."""
    parts = [json.dumps(part).encode() for part in (header, claims())]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


def signed_with_the_public_key() -> str:
    """HS256 where the secret is what everybody knows; the library itself refuses to make one."""
    body = unsigned(alg="HS256", kid="RS256").rstrip(".")
    digest = hmac.new(PUBLIC_PEM, body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def tampered() -> str:
    head, _, signature = token().split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims(sub="somebody else")).encode()).decode().rstrip("=")
    return f"{head}.{other}.{signature}"


WRONG: dict[str, Callable[[], str]] = {
    "expired": lambda: token(exp=time.time() - 61),
    "not yet": lambda: token(nbf=time.time() + 61 + 30),
    "no end": lambda: token(exp=None),
    "another issuer": lambda: token(iss="https://id.example.org/other"),
    "no issuer": lambda: token(iss=None),
    "another audience": lambda: token(aud="another"),
    "no audience": lambda: token(aud=None),
    "no subject": lambda: token(sub=None),
    "an empty subject": lambda: token(sub=""),
    "a subject that is no text": lambda: token(sub=7),
    "alg none": lambda: unsigned(alg="none", kid="RS256"),
    "alg None": lambda: unsigned(alg="None", kid="RS256"),
    "no signature": lambda: unsigned(alg="RS256", kid="RS256"),
    "HS256 with the public key": signed_with_the_public_key,
    "an algorithm that is not on the list": lambda: token("RS384", secret=SECRETS["RS256"], kid="RS256"),
    "a key of another algorithm": lambda: token("ES256", kid="RS256"),
    "unknown key": lambda: token(kid="nobody's"),
    "a stranger's signature": lambda: token(secret=STRANGER),
    "tampered": tampered,
    "half": lambda: token()[:-20],
    "deep": lambda: "eyJ" + base64.urlsafe_b64encode(b"[" * 6000).decode() + ".e30.e30",
    "no text": lambda: "eyJ\xff.\xfe.\xfd",
}


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("issuer") / "jwks.json"
    file.write_bytes(key_set(*SECRETS))
    return file


@pytest.fixture
def ask(serve: Serve, keys_file: Path) -> Callable[..., httpx.Response]:
    """Sends a request with a token."""
    served = serve(oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_keys=keys_file)

    def send(method: str, path: str, presented: str, **said: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {presented}".encode("latin-1")}
        return httpx.request(method, served.url + path, headers=headers, **said)

    return send


def test_no_wrong_token_opens_the_door(ask: Callable[..., httpx.Response]) -> None:
    for name, make in WRONG.items():
        answer = ask("GET", "/darkroom/v1/account", make())
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "key_wrong"), name


def test_a_good_one_does_whatever_its_algorithm_and_has_an_account_of_its_own(
    ask: Callable[..., httpx.Response],
) -> None:
    seen = [ask("GET", "/darkroom/v1/account", token(algorithm, email="a@example.org")).json() for algorithm in SECRETS]
    assert len({account["id"] for account in seen}) == 1
    assert (seen[0]["name"], seen[0]["email"]) == ("somebody", "a@example.org")
    other = ask("GET", "/darkroom/v1/account", token(sub="somebody else")).json()
    assert other["id"] != seen[0]["id"]


def test_clocks_may_differ_by_a_minute(ask: Callable[..., httpx.Response]) -> None:
    late = token(exp=time.time() - 30, nbf=time.time() - 300)
    early = token(nbf=time.time() + 30, iat=time.time() + 30)
    assert [ask("GET", "/darkroom/v1/account", each).status_code for each in (late, early)] == [200, 200]


def test_a_token_that_says_admin_is_not_admin(ask: Callable[..., httpx.Response]) -> None:
    crafty = token(sub="admin", scope="draw read manage")
    assert ask("GET", "/darkroom/v1/account", crafty).json()["id"] != "admin"
    assert ask("GET", "/darkroom/v1/accounts", crafty).status_code == 403


@pytest.mark.parametrize(
    ("said", "draws", "reads"),
    [
        ({"scope": "read"}, False, True),
        ({"scope": "draw"}, True, False),
        ({"scope": None, "scp": ["draw", "read"]}, True, True),
        ({"scope": None, "scp": "read"}, False, True),
        ({"scope": None}, False, False),
        ({"scope": "drawing readable DRAW", "scp": [7, None]}, False, False),
        ({"scope": 7, "scp": {"draw": 1}}, False, False),
    ],
    ids=str,
)
def test_a_token_may_do_what_its_scopes_say(
    ask: Callable[..., httpx.Response], said: dict[str, Any], draws: bool, reads: bool
) -> None:
    drawn = ask("POST", "/v1/images/generations", token(**said), json={"prompt": "a red star"})
    read = ask("GET", "/v1/models", token(**said))
    assert (drawn.status_code, read.status_code) == (200 if draws else 403, 200 if reads else 403)


def test_the_account_of_a_token_can_be_told_by_another_claim(serve: Serve, keys_file: Path) -> None:
    served = serve(oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_keys=keys_file, oidc_claim="oid")
    headers = [{"Authorization": f"Bearer {token(**said)}"} for said in ({"oid": "o", "sub": "s"}, {"sub": "s"})]
    with_it, without = (httpx.get(f"{served.url}/darkroom/v1/account", headers=each) for each in headers)
    assert with_it.json()["name"] == "o"
    assert without.status_code == 401


def test_a_deleted_account_s_tokens_open_nothing(serve: Serve, keys_file: Path) -> None:
    served = serve(oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_keys=keys_file)
    headers = {"Authorization": f"Bearer {token()}"}
    account = httpx.get(f"{served.url}/darkroom/v1/account", headers=headers).json()["id"]
    served.client.delete(f"/darkroom/v1/accounts/{account}").raise_for_status()
    for _ in range(3):
        assert httpx.get(f"{served.url}/darkroom/v1/account", headers=headers).status_code == 401
    made = served.client.get("/darkroom/v1/audit?what=account_made").json()["entries"]
    assert [entry["subject"] for entry in made].count(account) == 1, "asking again made no account"


def test_without_an_issuer_no_token_opens_the_door(serve: Serve) -> None:
    assert httpx.get(f"{serve().url}/v1/models", headers={"X-API-Key": token()}).status_code == 401


@pytest.fixture
def issuer() -> Iterator[tuple[str, dict[str, int]]]:
    """An issuer on loopback, its address, and how often each of its pages was read."""
    app, read = FastAPI(), {"about": 0, "keys": 0}

    @app.get("/realm/.well-known/openid-configuration")
    def about() -> dict[str, str]:
        read["about"] += 1
        return {"issuer": f"{read['url']}/realm", "jwks_uri": f"{read['url']}/keys"}

    @app.get("/keys")
    def keys() -> dict[str, Any]:
        read["keys"] += 1
        published: dict[str, Any] = json.loads(key_set("RS256"))
        return published

    with running(app) as url:
        read["url"] = url  # type: ignore[assignment]
        yield f"{url}/realm", read


def test_keys_that_the_issuer_publishes_are_read_once(serve: Serve, issuer: tuple[str, dict[str, int]]) -> None:
    address, read = issuer
    served = serve(oidc_issuer=address, oidc_audience=AUDIENCE)
    for _ in range(3):
        headers = {"Authorization": f"Bearer {token(iss=address)}"}
        assert httpx.get(f"{served.url}/darkroom/v1/account", headers=headers).status_code == 200
    for number in range(20):
        headers = {"Authorization": f"Bearer {token(iss=address, kid=str(number))}"}
        assert httpx.get(f"{served.url}/darkroom/v1/account", headers=headers).status_code == 401
    assert (read["about"], read["keys"]) == (1, 1), "made up keys do not make us ask again and again"


def test_an_issuer_that_cannot_be_asked_is_no_verdict_on_the_token(serve: Serve) -> None:
    address = "http://127.0.0.1:1/realm"
    served = serve(oidc_issuer=address, oidc_audience=AUDIENCE)
    answer = httpx.get(f"{served.url}/v1/models", headers={"Authorization": f"Bearer {token(iss=address)}"})
    assert answer.status_code == 503
    assert served.client.get("/v1/models").status_code == 200, "keys of our own do not need the issuer"


class Published:
    """What an issuer has published so far, and a clock beside it."""

    def __init__(self, *algorithms: str) -> None:
        self.now, self.reads, self.content = 0.0, 0, key_set(*algorithms)
        self.keys = IssuerKeys(self.read, clock=lambda: self.now)

    async def read(self) -> bytes:
        self.reads += 1
        if not self.content:
            raise FetchFailed
        return self.content

    def has(self, key_id: str | None) -> bool:
        try:
            asyncio.run(self.keys.get(key_id))
        except TokenWrong:
            return False
        return True


def test_an_issuer_may_change_its_keys() -> None:
    issuer = Published("RS256")
    assert issuer.has("RS256")
    issuer.content = key_set("ES256")
    assert not issuer.has("ES256"), "asked a moment ago"
    issuer.now += AGAIN_SECONDS
    assert issuer.has("ES256")
    assert not issuer.has("RS256")
    assert issuer.reads == 2


def test_a_key_that_the_issuer_withdrew_is_forgotten_though_no_new_one_is_asked_for() -> None:
    issuer = Published("RS256", "ES256")
    assert issuer.has("RS256")
    issuer.content = key_set("ES256")
    issuer.now += KEPT_SECONDS
    assert not issuer.has("RS256")


def test_keys_that_are_known_last_while_the_issuer_is_away() -> None:
    issuer = Published("RS256")
    assert issuer.has("RS256")
    issuer.content = b""
    issuer.now += KEPT_SECONDS
    assert issuer.has("RS256")


def test_an_issuer_that_was_away_is_asked_again_soon() -> None:
    issuer = Published("RS256")
    content, issuer.content = issuer.content, b""
    with pytest.raises(IssuerSilent):
        issuer.has("RS256")
    issuer.content = content
    issuer.now += FAILED_SECONDS
    assert issuer.has("RS256")


def test_a_token_need_not_name_its_key_where_there_is_one() -> None:
    assert Published("RS256").has(None)
    assert not Published("RS256", "ES256").has(None)


def test_keys_that_are_secrets_or_for_other_uses_are_left_out() -> None:
    published = json.loads(key_set("RS256", "ES256"))
    published["keys"][1]["use"] = "enc"
    published["keys"].append({"kty": "oct", "kid": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"})
    assert [key.key_id for key in keys_in(json.dumps(published).encode())] == ["RS256"]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"oidc_issuer": ISSUER}, id="no audience"),
        pytest.param({"oidc_audience": AUDIENCE}, id="no issuer"),
        pytest.param({"oidc_keys": __file__}, id="keys of nobody"),
        pytest.param({"oidc_issuer": "http://id.example.org", "oidc_audience": AUDIENCE}, id="not encrypted"),
        pytest.param({"oidc_issuer": "id.example.org", "oidc_audience": AUDIENCE}, id="no address"),
    ],
)
def test_half_an_issuer_and_one_that_anybody_could_play_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)
