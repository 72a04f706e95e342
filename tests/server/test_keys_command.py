"""`darkroom keys`: whoever may read the data folder makes, lists and revokes keys, while a server runs or before."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from server.cli import app
from server.cli.serve import first_key
from server.keys import KEYS_FILE
from server.settings import Settings
from tests.server.serving import KEY, Serve

Command = Callable[..., Result]


@pytest.fixture
def keys(tmp_path: Path) -> Command:
    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["keys", *words], env={"DARKROOM_DATA": str(tmp_path), "COLUMNS": "200"})

    return run


def status(url: str, key: str, path: str = "/v1/models") -> int:
    return httpx.get(url + path, headers={"X-API-Key": key}).status_code


def test_a_key_made_beside_a_running_server_opens_it_until_it_is_revoked(serve: Serve, keys: Command) -> None:
    url = serve().url
    key = keys("create", "--name", "the web shop", "--scope", "read", "--model", "flat").stdout.strip()
    assert status(url, key) == 200
    assert status(url, key, "/darkroom/v1/keys") == 403
    listed = keys("list").stdout
    key_id = key.split("_")[1]
    (line,) = [line for line in listed.splitlines() if key_id in line]
    assert all(word in line for word in ("the web shop", "read", "flat", "never", "yes"))
    assert key not in listed
    assert keys("revoke", key_id).exit_code == 0
    assert status(url, key) == 401
    assert " no " in next(line for line in keys("list").stdout.splitlines() if key_id in line)


def test_a_key_for_a_while_and_for_an_account(serve: Serve, keys: Command) -> None:
    served = serve()
    account = served.client.post("/darkroom/v1/accounts", json={"name": "somebody"}).json()["id"]
    key = keys("create", "--account", account, "--days", "1").stdout.strip()
    shown = httpx.get(f"{served.url}/darkroom/v1/account", headers={"X-API-Key": key}).json()
    assert shown["id"] == account
    over = keys("create", "--days", "0").stdout.strip()
    assert status(served.url, over) == 401


@pytest.mark.parametrize(
    "words",
    [["create", "--account", "nobody"], ["revoke", "nothing"], ["create", "--scope", "everything"]],
    ids=lambda words: " ".join(words),
)
def test_what_is_not_there_is_told_plainly(keys: Command, words: list[str]) -> None:
    result = keys(*words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_the_first_start_makes_a_key_and_a_later_one_does_not(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    key = first_key(settings)
    assert key is not None
    assert key.startswith("dk_")
    assert first_key(settings) is None


@pytest.mark.parametrize("settings", [{"auth": False}, {"admin_key": KEY}], ids=str)
def test_where_none_is_needed_none_is_made(tmp_path: Path, settings: dict[str, object]) -> None:
    assert first_key(Settings(data=tmp_path, **settings)) is None  # type: ignore[arg-type]


def test_a_key_of_an_older_version_that_the_operator_s_own_put_out_of_use_stays_so(
    serve: Serve, tmp_path: Path
) -> None:
    old = "dk_0123abcd_" + "s" * 43
    entry = {"id": "0123abcd", "sha256": hashlib.sha256(old.encode()).hexdigest(), "account": "admin"}
    (tmp_path / KEYS_FILE).write_text(json.dumps([entry]))
    first_key(Settings(data=tmp_path, admin_key=KEY))  # type: ignore[arg-type]
    url = serve().url
    assert status(url, old) == 401
    assert first_key(Settings(data=tmp_path)) is None, "taken over, now that it is the one"
    assert status(url, old) == 200
