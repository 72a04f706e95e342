"""Who did what is written down with what was done, on both kinds of database, and nobody takes it back."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from server.audit import MOST_REFUSED, Audit
from server.cli import app
from server.store.audit import Who, asking, note, page
from server.store.database import Database
from server.store.migrate import migrate
from tests.server.serving import Served, key_for, newcomer, served_from

JOBS = "/darkroom/v1/jobs"
STAR = {"task": "text_to_image", "prompt": "a secret star", "steps": 2}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with served_from(tmp_path) as server:
        yield server


def entries(served: Served, **wanted: Any) -> list[dict[str, Any]]:
    """The newest first."""
    found = served.client.get("/darkroom/v1/audit", params=wanted).raise_for_status().json()["entries"]
    assert isinstance(found, list)
    return found


def draw(served: Served, headers: dict[str, str]) -> dict[str, Any]:
    answer = httpx.post(served.url + JOBS, json=STAR, headers=headers | {"Prefer": "wait=20"})
    return dict(answer.raise_for_status().json())


CHANGES = (
    "UPDATE audit SET account = 'somebody else'",
    "DELETE FROM audit",
    "DELETE FROM audit WHERE id = 1",
    "TRUNCATE audit",
)


@pytest.mark.parametrize("change", CHANGES)
def test_nobody_changes_a_row_or_takes_one_away(change: str, database: Database) -> None:
    if database.is_sqlite and change.startswith("TRUNCATE"):
        pytest.skip("SQLite has no such statement")
    with database.begin() as connection:
        note(connection, "key_made", "0123", scopes=["draw"])
    with pytest.raises(DBAPIError, match="only grows"), database.begin() as connection:
        connection.execute(text(change))
    with database.look() as connection:
        [entry] = page(connection, 10)
    assert (entry.what, entry.subject, entry.detail) == ("key_made", "0123", {"scopes": ["draw"]})


def test_what_is_taken_back_is_not_said_to_be_done(database: Database) -> None:
    def fail() -> None:
        with database.begin() as connection:
            note(connection, "key_made")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.look() as connection:
        assert page(connection, 10) == []


def test_pages_go_on_where_the_last_one_ended(database: Database) -> None:
    with database.begin() as connection:
        for number in range(5):
            asking.set(Who(account=f"account {number % 2}"))
            note(connection, "image_deleted", str(number))
    asking.set(Who())
    with database.look() as connection:
        first = page(connection, 2)
        rest = page(connection, 10, before=first[-1].id)
        odd = page(connection, 10, account="account 1")
        none = page(connection, 10, what="key_made")
    assert [entry.subject for entry in first + rest] == ["4", "3", "2", "1", "0"]
    assert ([entry.subject for entry in odd], none) == (["3", "1"], [])


def test_a_draw_is_written_down_with_who_and_how_but_without_its_words(served: Served) -> None:
    headers = newcomer(served)
    job = draw(served, headers)
    [entry] = entries(served, what="job_accepted")
    own = httpx.get(f"{served.url}/darkroom/v1/account", headers=headers).json()["id"]
    assert (entry["subject"], entry["account"], entry["address"]) == (job["id"], own, "127.0.0.1")
    assert headers["Authorization"].split("_")[1] == entry["key"]
    assert entry["request"].startswith("req_")
    assert entry["detail"] == {"api": "darkroom", "model": "flat", "kind": "text_to_image"}
    assert "secret star" not in json.dumps(entries(served))


def test_prompts_are_in_it_where_the_operator_wants_them(tmp_path: Path) -> None:
    with served_from(tmp_path, audit_prompts=True) as served:
        draw(served, dict(served.client.headers))
        [entry] = entries(served, what="job_accepted")
    assert entry["detail"]["prompt"] == "a secret star"


def test_every_deed_of_an_operator_and_every_delete_has_its_row(served: Served) -> None:
    headers, client = newcomer(served), served.client
    account = httpx.get(f"{served.url}/darkroom/v1/account", headers=headers).json()["id"]
    job = draw(served, headers)
    other = draw(served, headers)
    key_id = key_for(served, account).split("_")[1]
    ours = httpx.Client(base_url=served.url, headers=headers)
    preset = {"name": "Star", "description": "A star.", "prompt": "a red star"}
    with ours:
        collection = ours.post("/darkroom/v1/collections", json={"name": "Sea"}).raise_for_status().json()
        saved = ours.post("/darkroom/v1/presets", json=preset).raise_for_status().json()
        hook = ours.post("/darkroom/v1/webhooks", json={"url": "http://127.0.0.1:9/"}).raise_for_status().json()
        picture = f"/darkroom/v1/images/{job['images'][0]['id']}"
        deeds = [
            (ours, "PATCH", picture, {"title": "Mine", "public": True}, "image_changed"),
            (ours, "PATCH", f"/darkroom/v1/collections/{collection['slug']}", {"public": True}, "collection_changed"),
            (ours, "PUT", f"/darkroom/v1/presets/{saved['id']}", preset, "preset_changed"),
            (ours, "DELETE", picture, None, "image_deleted"),
            (ours, "POST", f"{picture}/restore", None, "image_restored"),
            (ours, "DELETE", f"{JOBS}/{other['id']}", None, "job_deleted"),
            (ours, "DELETE", f"/darkroom/v1/collections/{collection['slug']}", None, "collection_deleted"),
            (ours, "DELETE", f"/darkroom/v1/presets/{saved['id']}", None, "preset_deleted"),
            (ours, "DELETE", f"/darkroom/v1/webhooks/{hook['id']}", None, "webhook_deleted"),
            (client, "PATCH", f"/darkroom/v1/accounts/{account}", {"plan": "pro"}, "account_changed"),
            (client, "DELETE", f"/darkroom/v1/keys/{key_id}", None, "key_revoked"),
            (client, "POST", "/darkroom/v1/models/rescan", None, "operator_asked"),
            (client, "DELETE", f"/darkroom/v1/accounts/{account}", None, "account_deleted"),
        ]
        for who, method, path, body, what in deeds:
            who.request(method, path, json=body).raise_for_status()
            newest = entries(served, limit=1)[0]
            assert (newest["what"], newest["account"]) == (what, account if who is ours else "admin"), path
    assert {"account_made", "key_made", "webhook_made"} <= {entry["what"] for entry in entries(served)}


def test_a_cancel_is_written_down_once_however_often_it_is_asked_for(served: Served) -> None:
    headers = newcomer(served)
    served.worker.hold()
    job = httpx.post(served.url + JOBS, json=STAR, headers=headers).raise_for_status().json()
    for _ in range(3):
        httpx.post(f"{served.url}{JOBS}/{job['id']}/cancel", headers=headers).raise_for_status()
    [entry] = entries(served, what="job_cancelled")
    assert (entry["subject"], entry["key"]) == (job["id"], headers["Authorization"].split("_")[1])


@pytest.mark.parametrize(
    ("rights", "method", "path", "code"),
    [
        ({"scopes": ["read"]}, "POST", JOBS, "scope_missing"),
        ({"scopes": ["draw"]}, "GET", JOBS, "scope_missing"),
        ({"scopes": ["read", "draw"]}, "POST", "/darkroom/v1/keys", "scope_missing"),
        ({"models": ["another"]}, "POST", JOBS, "model_not_allowed"),
        ({}, "POST", "/darkroom/v1/models/rescan", "not_operator"),
        ({"scopes": ["read"]}, "POST", "/v1/images/generations", "scope_missing"),
    ],
)
def test_whoever_reaches_beyond_their_rights_is_written_down(
    served: Served, rights: dict[str, Any], method: str, path: str, code: str
) -> None:
    account = served.client.post("/darkroom/v1/accounts", json={"name": "them"}).raise_for_status().json()["id"]
    key = key_for(served, account, **rights)
    answer = httpx.request(method, served.url + path, json=STAR, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 403
    [entry] = entries(served, what="access_refused")
    assert (entry["account"], entry["key"]) == (account, key.split("_")[1])
    assert entry["detail"] == {"code": code, "method": method, "route": path, "unwritten": 0}


def test_of_many_refusals_in_a_minute_the_first_are_written_and_the_others_counted(tmp_path: Path) -> None:
    database, now = Database(f"sqlite:///{tmp_path}/rows.db"), 600.0
    migrate(database)
    audit = Audit(database, lambda: now)

    async def refuse_many() -> None:
        nonlocal now
        for _ in range(MOST_REFUSED + 7):
            await audit.note_refused("login_refused")
        await audit.note_refused("access_refused")
        assert len(await audit.page(1000)) == MOST_REFUSED + 1, "one word does not crowd out the other"
        now += 60
        await audit.note_refused("login_refused")
        [newest] = await audit.page(1)
        assert newest.detail == {"unwritten": 7}

    asyncio.run(refuse_many())
    database.close()


def test_refused_logins_are_written_down_but_do_not_fill_the_disk(served: Served) -> None:
    wrong = {"Authorization": "Bearer dk_00000000_" + "x" * 43}
    for _ in range(MOST_REFUSED + 5):
        assert httpx.get(served.url + JOBS, headers=wrong).status_code == 401
    found = entries(served, what="login_refused")
    assert 1 <= len(found) <= 2 * MOST_REFUSED  # a minute may have ended meanwhile
    assert {(entry["account"], entry["address"], entry["detail"]["code"]) for entry in found} == {
        (None, "127.0.0.1", "key_wrong")
    }


def test_only_the_operator_reads_it(served: Served) -> None:
    assert httpx.get(f"{served.url}/darkroom/v1/audit", headers=newcomer(served)).status_code == 403
    only_read = {"Authorization": f"Bearer {key_for(served, scopes=['read'])}"}
    assert httpx.get(f"{served.url}/darkroom/v1/audit", headers=only_read).status_code == 403


def test_the_command_line_is_in_it_and_shows_it(served: Served) -> None:
    def darkroom(*words: str) -> str:
        result = CliRunner().invoke(app, words, env={"DARKROOM_DATA": str(served.data)})
        assert result.exit_code == 0, result.output
        return result.stdout

    key_id = darkroom("keys", "create", "--name", "the web shop").split("_")[1]
    darkroom("keys", "revoke", key_id)
    shown = [json.loads(line) for line in darkroom("audit", "--last", "2").splitlines()]
    assert [(entry["what"], entry["subject"], entry["account"]) for entry in shown] == [
        ("key_made", key_id, None),
        ("key_revoked", key_id, None),
    ]


def test_every_word_of_the_log_is_explained() -> None:
    root = Path(__file__).parents[3]
    said = re.compile(r'\b(?:noted\(\s*[\w.]+,|note(?:_refused)?\((?:\s*connection,)?)\s*"(\w+)"')
    words = {
        word for file in (root / "server").rglob("*.py") for word in said.findall(file.read_text(encoding="utf-8"))
    }
    page_lines = (root / "docs" / "operations.md").read_text(encoding="utf-8").split("## The audit log")[1].splitlines()
    explained = {
        word for line in page_lines if line.startswith("| `") for word in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert words == explained
