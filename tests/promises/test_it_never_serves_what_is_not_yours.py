"""An id of another account is answered as one that does not exist, at every address that takes one.

The addresses are found by walking the application, so one that is added later is asked too.
"""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from server.keys import ADMIN, Keys
from tests.promises.belongings import ADMIN as ADMIN_HEADERS
from tests.promises.belongings import FOR_EVERYBODY, MAKERS, OWNED_BY_ADMIN, Headers, call
from tests.server.serving import Served, newcomer, quiet, served_from

__all__ = ["quiet"]

PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
# Addresses that ask for no key: they tell nothing of anybody, or their name is the secret.
OPEN = frozenset({"/", "/docs", "/openapi.json", "/livez", "/readyz"}) | frozenset(
    {"/files/{link}", "/files/{link}/thumbnail", "/files/signed/{image_id}"}
)
OPEN_GALLERY = "/public"  # where the operator opened it: only what its owner opened too
# What an address asks for beside its id, so that nothing but the id is wrong.
QUERIES = {"/files/signed/{image_id}": "?expires=4102444800&signature=made-up"}


def addresses(served: Served) -> Iterator[tuple[str, str]]:
    """Method and template of every route of the application."""
    for route in iter_route_contexts(served.app.routes):
        assert route.path, "this walk does not know what lies behind a mount"
        assert route.methods, route.path
        for method in sorted(route.methods):
            yield method, route.path


def with_ids(served: Served) -> list[tuple[str, str, list[str]]]:
    """Method, template, and the parameters that belong to somebody, of every route that has some."""
    found = []
    for method, path in addresses(served):
        if owned := [name for name in PARAMETER.findall(path) if name not in FOR_EVERYBODY]:
            found.append((method, path, owned))
    return found


def body_of(served: Served, method: str, path: str) -> Any:
    """The example of its body in the server's own description, so that nothing but the id is wrong."""
    operation = served.app.openapi()["paths"].get(path, {}).get(method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return content.get("example")


def unknown(real: str) -> str:
    """An id of the same form that nobody has."""
    return "".join("3" if letter == "7" else "7" if letter.isdigit() else letter for letter in real[:-6]) + "777777"


def said(answer: httpx.Response) -> tuple[int, str, set[str]]:
    """Status, body and the names of the headers, without the request's own id."""
    return answer.status_code, answer.text.replace(answer.headers["x-request-id"], ""), set(answer.headers)


def ask(served: Served, headers: Headers, method: str, path: str, ids: dict[str, str]) -> httpx.Response:
    address = PARAMETER.sub(lambda name: ids.get(name[1], "x"), path)
    return call(served, headers, method, address + QUERIES.get(path, ""), body_of(served, method, path))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose operator opened the gallery."""
    with served_from(tmp_path_factory.mktemp("opened"), public_gallery=True) as served:
        yield served


def test_every_id_in_an_address_has_a_maker(opened: Served) -> None:
    names = {name for _, _, owned in with_ids(opened) for name in owned}
    missing = sorted(names - set(MAKERS))
    assert not missing, f"add a maker for {missing} to tests/promises/belongings.py, or say there that it is nobody's"


def test_an_id_of_another_account_is_answered_as_one_that_does_not_exist(opened: Served) -> None:
    owner, stranger = newcomer(opened), newcomer(opened)
    asked = 0
    for method, path, owned in with_ids(opened):
        own = {name: MAKERS[name](opened, stranger) for name in owned}
        for name in owned:
            theirs = MAKERS[name](opened, owner)
            real = ask(opened, stranger, method, path, own | {name: theirs})
            made_up = ask(opened, stranger, method, path, own | {name: unknown(theirs)})
            assert said(real) == said(made_up), (method, path, name)
            assert real.status_code == 404, (method, path, name, real.text)
            asked += 1
    assert asked >= 10


def test_what_others_tried_to_reach_is_there_for_its_owner(opened: Served) -> None:
    """Otherwise a 404 would mean nothing."""
    owner = newcomer(opened)
    reached: dict[str, set[int]] = {}
    for method, path, owned in with_ids(opened):
        ids = {name: MAKERS[name](opened, owner) for name in owned}
        headers = ADMIN_HEADERS if OWNED_BY_ADMIN & set(owned) else owner
        status = ask(opened, headers, method, path, ids).status_code
        assert status < 500, (method, path)
        for name in owned:
            reached.setdefault(name, set()).add(status)
        if "account_id" in owned:
            owner = newcomer(opened)  # it may be deleted by now
    assert all(min(statuses) < 300 for statuses in reached.values()), reached


@pytest.fixture
def without_scopes(opened: Served) -> Headers:
    """The headers of a key that may do nothing."""
    keys = opened.app.state.parts.keys
    assert isinstance(keys, Keys)
    _, secret = asyncio.run(keys.make(ADMIN, "for nothing", scopes=frozenset()))
    return {"X-API-Key": secret}


def test_every_address_takes_a_scope_but_those_that_are_open(opened: Served, without_scopes: Headers) -> None:
    for method, path in addresses(opened):
        if path in OPEN or path.startswith(OPEN_GALLERY):
            continue
        answer = call(opened, without_scopes, method, PARAMETER.sub("x", path), body_of(opened, method, path))
        assert answer.status_code == 403, (method, path)
        if method != "HEAD":
            assert "scope" in answer.text, (method, path)


def test_what_is_open_is_there(opened: Served) -> None:
    """So that the list does not outlive its addresses."""
    assert {path for _, path in addresses(opened)} >= OPEN
