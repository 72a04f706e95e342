"""Accounts and keys over HTTP: who may do what, with which models, and for how long."""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

import server
from tests.server.serving import KEY, Serve, Served, key_for, newcomer, until

ACCOUNTS, KEYS, JOBS = "/darkroom/v1/accounts", "/darkroom/v1/keys", "/darkroom/v1/jobs"
STAR = {"task": "text_to_image", "prompt": "a red star"}


def ask(served: Served, headers: dict[str, str], method: str, path: str, **said: Any) -> httpx.Response:
    return httpx.request(method, served.url + path, headers=headers, timeout=30, **said)


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


@pytest.mark.parametrize(
    ("scope", "method", "path", "body"),
    [
        ("draw", "POST", JOBS, STAR),
        ("draw", "POST", "/v1/images/generations", {"prompt": "a red star"}),
        ("draw", "POST", "/darkroom/v1/prompts/enhance", {"prompt": "a red star"}),
        ("draw", "PATCH", "/darkroom/v1/account/preferences", {}),
        ("read", "GET", JOBS, None),
        ("read", "GET", "/v1/models", None),
        ("read", "GET", "/darkroom/v1/account", None),
        ("read", "GET", "/metrics", None),
        ("manage", "GET", KEYS, None),
        ("manage", "GET", ACCOUNTS, None),
        ("manage", "POST", ACCOUNTS, {"name": "another"}),
        ("manage", "POST", "/darkroom/v1/prompts/reload", None),
        ("manage", "POST", "/darkroom/v1/models/rescan", None),
    ],
)
def test_a_key_may_do_what_its_scopes_say_and_nothing_else(
    shared: Served, scope: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    for scopes in (["draw"], ["read"], ["manage"]):
        headers = {"X-API-Key": key_for(shared, scopes=scopes)}
        answer = ask(shared, headers, method, path, json=body)
        if scope in scopes:
            assert answer.is_success, answer.text
        else:
            assert answer.status_code == 403
            assert scope in answer.text


def test_what_concerns_the_whole_server_is_for_admin_alone(shared: Served) -> None:
    headers = newcomer(shared)
    for method, path in (
        ("GET", ACCOUNTS), ("POST", ACCOUNTS), ("GET", "/metrics"), ("POST", "/darkroom/v1/prompts/reload"),
        ("POST", "/darkroom/v1/models/rescan"),
    ):  # fmt: skip
        answer = ask(shared, headers, method, path)
        assert (answer.status_code, code(answer)) == (403, "not_operator"), path
    assert ask(shared, headers, "GET", f"{ACCOUNTS}/admin").status_code == 404


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Authorization": f"Bearer {KEY}"}, 200, id="bearer"),
        pytest.param({"Authorization": f"bearer {KEY}"}, 200, id="in small letters"),
        pytest.param({"X-API-Key": KEY}, 200, id="header"),
        pytest.param(basic("anybody", KEY), 200, id="password"),
        pytest.param(basic("", KEY), 200, id="password without a user"),
        pytest.param({"Authorization": "", "X-API-Key": KEY}, 200, id="an empty header beside it"),
        pytest.param(basic("", "") | {"X-API-Key": KEY}, 200, id="nobody beside it"),
        pytest.param(basic(KEY, ""), 401, id="as the user"),
        pytest.param(basic("anybody", KEY[:-1]), 401, id="half a password"),
        pytest.param({"Authorization": "Basic ÿÿÿ".encode("latin-1")}, 401, id="no base64"),
        pytest.param({"Authorization": "Basic"}, 401, id="nothing"),
        pytest.param({"Authorization": ""}, 401, id="empty"),
        pytest.param({"Authorization": f"Digest {KEY}"}, 401, id="another scheme"),
        pytest.param({"Cookie": f"key={KEY}"}, 401, id="cookie"),
    ],
)
def test_a_key_comes_in_one_of_three_headers(shared: Served, headers: dict[str, Any], status: int) -> None:
    answer = ask(shared, headers, "GET", "/v1/models")
    assert answer.status_code == status
    assert "basic" not in answer.headers.get("www-authenticate", "").lower(), "no browser asks for a password"


@pytest.mark.parametrize("headers", [{"Authorization": ""}, basic("", ""), {"Authorization": "Basic %"}], ids=str)
def test_without_keys_whatever_a_client_sends_is_fine(serve: Serve, headers: dict[str, str]) -> None:
    assert ask(serve(auth=False), headers, "GET", "/v1/models").status_code == 200


def test_a_key_with_a_list_of_models_draws_with_no_other_and_sees_no_other(shared: Served) -> None:
    none, flat = ({"X-API-Key": key_for(shared, models=[name])} for name in ("absent", "flat"))
    doors = (("/v1/images/generations", {"prompt": "a red star", "model": "flat"}), (JOBS, STAR))
    for path, body in doors:
        refused = ask(shared, none, "POST", path, json=body)
        assert (refused.status_code, code(refused)) == (403, "model_not_allowed"), path
        assert ask(shared, flat, "POST", path, json=body).is_success
    assert ask(shared, none, "GET", JOBS).json()["jobs"][0]["model"] == "flat", "only what was allowed was queued"
    seen = ask(shared, none, "GET", "/darkroom/v1/models").json()["models"]
    assert [model["id"] for model in seen] == ["absent"]
    assert ask(shared, none, "GET", "/v1/models").json()["data"] == []
    assert ask(shared, none, "GET", "/v1/models/flat").status_code == 404
    assert [model["id"] for model in ask(shared, flat, "GET", "/v1/models").json()["data"]] == ["flat"]


def test_what_a_task_is_made_of_counts_as_its_models(shared: Served) -> None:
    body = STAR | {"loras": [{"name": "ink", "scale": 1.0}]}
    for models, status in ((["flat"], 403), (["flat", "ink"], 202)):
        headers = {"X-API-Key": key_for(shared, models=models)}
        assert ask(shared, headers, "POST", JOBS, json=body).status_code == status


def test_a_refused_model_leaves_nothing_in_the_queue(serve: Serve) -> None:
    served = serve()
    headers = {"X-API-Key": key_for(served, models=["absent"])}
    ask(served, headers, "POST", JOBS, json=STAR)
    assert served.client.get(JOBS).json()["jobs"] == []


def test_there_is_one_way_to_the_queue_and_it_asks_for_the_models() -> None:
    sources = Path(server.__file__).parent.rglob("*.py")
    assert [file.name for file in sources if "jobs.submit(" in file.read_text()] == ["waiting.py"]


def test_a_new_key_is_shown_once(shared: Served) -> None:
    made = shared.client.post(KEYS, json={"name": "once", "days": 2}).json()
    assert made["scopes"] == ["draw", "read"]
    assert made["expires_at"] == pytest.approx(made["created_at"] + 2 * 86_400, abs=60)
    (listed,) = [key for key in shared.client.get(KEYS).json()["keys"] if key["id"] == made["id"]]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert made["key"].split("_", 2)[2] not in shared.client.get(KEYS).text
    assert "sha256" not in shared.client.get(KEYS).text


def test_a_revoked_key_opens_nothing(shared: Served) -> None:
    made = shared.client.post(KEYS, json={"name": "for a while"}).json()
    headers = {"X-API-Key": made["key"]}
    assert ask(shared, headers, "GET", "/v1/models").status_code == 200
    for _ in range(2):
        assert shared.client.delete(f"{KEYS}/{made['id']}").status_code == 204
    assert ask(shared, headers, "GET", "/v1/models").status_code == 401
    (listed,) = [key for key in shared.client.get(KEYS).json()["keys"] if key["id"] == made["id"]]
    assert listed["revoked_at"] is not None


def test_a_key_makes_none_that_may_do_more_than_itself(shared: Served) -> None:
    small = newcomer(shared, scopes=["read", "manage"], models=["flat"])
    for asked, refusal in (
        ({"scopes": ["draw"]}, "scope_missing"),
        ({"scopes": ["read"], "models": ["flat", "absent"]}, "model_not_allowed"),
        ({"scopes": ["read"], "account": "admin"}, "account_unknown"),
        ({"scopes": ["read"], "account": "account_nobody"}, "account_unknown"),
    ):
        assert code(ask(shared, small, "POST", KEYS, json={"name": "more"} | asked)) == refusal, asked
    made = ask(shared, small, "POST", KEYS, json={"name": "as much", "scopes": ["read"]}).json()
    assert made["models"] == ["flat"]


def test_admin_manages_the_keys_of_all_accounts_and_the_others_their_own(shared: Served) -> None:
    one, other = newcomer(shared), newcomer(shared)
    mine = ask(shared, one, "POST", KEYS, json={"name": "mine"}).json()
    assert ask(shared, other, "DELETE", f"{KEYS}/{mine['id']}").status_code == 404
    assert code(ask(shared, other, "GET", f"{KEYS}?account={mine['account']}")) == "account_unknown"
    assert mine["id"] not in ask(shared, other, "GET", KEYS).text
    assert mine["id"] in shared.client.get(f"{KEYS}?account={mine['account']}").text
    assert shared.client.delete(f"{KEYS}/{mine['id']}").status_code == 204


@pytest.mark.parametrize(
    "wrong",
    [{}, {"name": ""}, {"name": "a", "scopes": []}, {"name": "a", "scopes": ["everything"]}, {"name": "a", "days": 0},
     {"name": "a", "models": []}, {"name": "a", "days": 1e300}],
    ids=str,
)  # fmt: skip
def test_a_key_that_makes_no_sense_is_not_made(shared: Served, wrong: dict[str, Any]) -> None:
    assert shared.client.post(KEYS, json=wrong).status_code == 400


def test_an_account_is_made_shown_changed_and_listed(shared: Served) -> None:
    asked = {"name": "the web shop", "email": "shop@example.org", "plan": "basic", "storage_limit": 10**12}
    made = shared.client.post(ACCOUNTS, json=asked).json()
    assert {name: made[name] for name in asked} == asked
    one = f"{ACCOUNTS}/{made['id']}"
    assert shared.client.get(one).json() == made
    changed = shared.client.patch(one, json={"plan": "pro", "email": None}).json()
    assert changed == made | {"plan": "pro", "email": None}
    listed: list[str] = []
    after: str | None = ""
    while after is not None:
        page = shared.client.get(ACCOUNTS, params={"limit": 2, "after": after}).json()
        listed += [account["id"] for account in page["accounts"]]
        after = page["next"]
    assert {"admin", made["id"]} <= set(listed)
    assert len(set(listed)) == len(listed)


def test_preferences_are_one_s_own_to_change(shared: Served) -> None:
    headers, path = newcomer(shared), "/darkroom/v1/account/preferences"
    ask(shared, headers, "PATCH", path, json={"default_model": "flat", "filter": False})
    account = ask(shared, headers, "PATCH", path, json={"filter": None, "auto_save": True}).json()
    kept = {"default_model": "flat", "default_size": None, "filter": None, "auto_save": True}
    assert account["preferences"] == kept
    assert ask(shared, headers, "GET", "/darkroom/v1/account").json() == account
    assert ask(shared, headers, "PATCH", path, json={"default_size": "large"}).status_code == 400
    assert shared.client.get("/darkroom/v1/account").json()["preferences"]["default_model"] is None


def test_an_account_s_storage_limit_and_its_wish_to_keep_pictures_are_obeyed(shared: Served) -> None:
    headers, images = newcomer(shared), "/darkroom/v1/images"
    account = ask(shared, headers, "GET", "/darkroom/v1/account").json()["id"]
    ask(shared, headers, "PATCH", "/darkroom/v1/account/preferences", json={"auto_save": True})
    ask(shared, headers, "POST", "/v1/images/generations", json={"prompt": "a red star"}).raise_for_status()
    assert [image["kept"] for image in ask(shared, headers, "GET", images).json()["images"]] == [True]
    shared.client.patch(f"{ACCOUNTS}/{account}", json={"storage_limit": 1}).raise_for_status()
    refused = ask(shared, headers, "POST", "/v1/images/generations", json={"prompt": "a red star"})
    assert (refused.status_code, code(refused)) == (429, "insufficient_quota")


def test_a_deleted_account_takes_its_keys_jobs_images_and_links_with_it(serve: Serve) -> None:
    served = serve()
    headers = newcomer(served)
    account = ask(served, headers, "GET", "/darkroom/v1/account").json()["id"]
    drawn = ask(served, headers, "POST", "/v1/images/generations", json={"prompt": "a red star"}).json()
    link = drawn["data"][0]["url"]
    assert httpx.get(link).status_code == 200
    served.worker.hold()
    for _ in range(2):
        ask(served, headers, "POST", JOBS, json=STAR).raise_for_status()
    served.worker.await_running()
    assert served.client.delete(f"{ACCOUNTS}/{account}").status_code == 204
    assert ask(served, headers, "GET", JOBS).status_code == 401
    assert httpx.get(link).status_code == 404
    assert served.client.get(f"{ACCOUNTS}/{account}").status_code == 404
    until(lambda: "darkroom_open_jobs{" not in served.client.get("/metrics").text)
    assert 'state="cancelled"} 2.0' in served.client.get("/metrics").text


def test_admin_stays(shared: Served) -> None:
    answer = shared.client.delete(f"{ACCOUNTS}/admin")
    assert (answer.status_code, code(answer)) == (409, "account_needed")
