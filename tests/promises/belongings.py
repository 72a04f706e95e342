"""What belongs to an account and has an id in an address: one maker for each name of a parameter.

A route whose parameter has no maker fails tests/promises/test_it_never_serves_what_is_not_yours.py: add one here.
"""

from collections.abc import Callable

import httpx

from tests.server.serving import KEY, Served

Headers = dict[str, str]
Maker = Callable[[Served, Headers], str]

# Names that belong to nobody: whoever may look at all may look at what is called so.
FOR_EVERYBODY = {
    "link": "a public link; its name cannot be guessed, and whoever has it may look",
    "model_id": "a model of the catalogue",
    "platform": "where pictures are shown, of the data files",
    "slug": "a collection that its owner opened to everybody",
}

ADMIN = {"Authorization": f"Bearer {KEY}"}
# Accounts are shown by id to admin alone, who owns what is made in its name.
OWNED_BY_ADMIN = frozenset({"account_id"})


def call(served: Served, headers: Headers, method: str, path: str, body: object = None) -> httpx.Response:
    said = {} if body is None else {"json": body}
    return httpx.request(method, served.url + path, headers=headers, timeout=60, trust_env=False, **said)  # type: ignore[arg-type]


def job(served: Served, headers: Headers) -> str:
    asked = {"task": "text_to_image", "prompt": "a red star", "steps": 2}
    answer = call(served, headers | {"Prefer": "wait=60"}, "POST", "/darkroom/v1/jobs", asked).raise_for_status()
    return str(answer.json()["id"])


def image(served: Served, headers: Headers) -> str:
    drawn = call(served, headers, "GET", f"/darkroom/v1/jobs/{job(served, headers)}").json()
    return str(drawn["images"][0]["id"])


def key(served: Served, headers: Headers) -> str:
    return str(call(served, headers, "POST", "/darkroom/v1/keys", {"name": "another"}).raise_for_status().json()["id"])


def collection(served: Served, headers: Headers) -> str:
    """By its slug, which can be guessed."""
    made = call(served, headers, "POST", "/darkroom/v1/collections", {"name": "My Landscapes"}).raise_for_status()
    return str(made.json()["slug"])


def preset(served: Served, headers: Headers) -> str:
    body = {"name": "Star", "description": "A star.", "prompt": "a red star"}
    return str(call(served, headers, "POST", "/darkroom/v1/presets", body).raise_for_status().json()["id"])


def webhook(served: Served, headers: Headers) -> str:
    """At an address that the server does not call."""
    body = {"url": "http://127.0.0.1:9/hook"}
    return str(call(served, headers, "POST", "/darkroom/v1/webhooks", body).raise_for_status().json()["id"])


def hook(served: Served, headers: Headers) -> str:
    """As `webhook`, by the API that words its messages otherwise."""
    body = {"url": "http://127.0.0.1:9/hook"}
    made = call(served, headers, "POST", "/api/v2/webhooks", body).raise_for_status()
    return str(made.json()["webhook"]["id"])


def message(served: Served, headers: Headers) -> str:
    made = webhook(served, headers)
    job(served, headers)
    log = call(served, headers, "GET", f"/darkroom/v1/webhooks/{made}/deliveries").raise_for_status().json()
    return str(log["deliveries"][0]["id"])


def connector(served: Served, headers: Headers) -> str:
    """To a place that the server does not call."""
    body = {"service": "webdav", "url": "http://127.0.0.1:9/", "user": "ann", "password": "secret"}
    return str(call(served, headers, "POST", "/darkroom/v1/connectors", body).raise_for_status().json()["id"])


def account(served: Served, headers: Headers) -> str:
    """The one that the headers open."""
    return str(call(served, headers, "GET", "/darkroom/v1/account").raise_for_status().json()["id"])


def generation(served: Served, headers: Headers) -> str:
    answer = call(served, headers, "POST", "/api/v1/generations", {"prompt": "a red star"}).raise_for_status()
    return str(answer.json()["data"]["id"])


def gen(served: Served, headers: Headers) -> str:
    """Of the API that calls its ids so."""
    asked = {"prompt": "a red star"}
    return str(call(served, headers, "POST", "/api/v2/generate/text-to-image", asked).raise_for_status().json()["id"])


MAKERS: dict[str, Maker] = {
    "account_id": account,
    "connector_id": connector,
    "gen_id": gen,
    "generation_id": generation,
    "hook_id": hook,
    "image_id": image,
    "job_id": job,
    "key_id": key,
    "message_id": message,
    "name": collection,
    "preset_id": preset,
    "webhook_id": webhook,
}
