"""Keys are shown once, kept as hashes, end when they are told to, and nothing else opens the door."""

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, text

from server.errors import KeyUnknown, KeyWrong, StorageFailed
from server.keys import ADMIN, KEYS_FILE, Caller, Keys, Scope, make_first_key, take_over
from server.store.database import Database
from server.store.migrate import migrate


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'darkroom.db'}")
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(database: Database, clock: Clock) -> Keys:
    return Keys(database, clock=clock)


def made(keys: Keys, **rights: object) -> tuple[str, str]:
    """The id of a new key of `admin`, and its secret form."""
    key, secret = asyncio.run(keys.make(ADMIN, "for a test", **rights))
    return key.id, secret


def caller(keys: Keys, presented: str | bytes) -> Caller:
    return asyncio.run(keys.caller(presented.encode() if isinstance(presented, str) else presented))


def opens(keys: Keys, presented: str | bytes) -> bool:
    try:
        caller(keys, presented)
    except KeyWrong:
        return False
    return True


def test_the_first_key_opens_the_door_to_everything(database: Database, keys: Keys) -> None:
    key = make_first_key(database)
    assert key is not None
    assert key.startswith("dk_")
    who = caller(keys, key)
    assert (who.account, who.scopes, who.models) == ("admin", frozenset(Scope), None)


def test_a_first_key_is_made_once(database: Database, keys: Keys) -> None:
    key = make_first_key(database)
    assert make_first_key(database) is None
    assert key is not None
    assert opens(keys, key)


def test_the_disk_has_only_the_hash(database: Database, keys: Keys, tmp_path: Path) -> None:
    _, secret = made(keys)
    database.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert hashlib.sha256(secret.encode()).hexdigest().encode() in kept
    assert secret.split("_", 2)[2].encode() not in kept


@pytest.mark.parametrize(
    "wrong",
    [b"", b"dk_", b"dk_0_0", b"\xff", b"dk_" + b"0" * 16 + b"_" + b"x" * 43, b"dk_" + b"0" * 60_000],
    ids=["empty", "prefix", "made up", "no text", "unknown id", "long"],
)
def test_other_words_do_not(keys: Keys, wrong: bytes) -> None:
    made(keys)
    assert not opens(keys, wrong)


def test_neither_half_a_key_nor_two_mixed_ones_do(keys: Keys) -> None:
    (one, secret), (_, other) = made(keys), made(keys)
    for wrong in (secret[:-1], secret + "x", f"dk_{one}_{other.split('_', 2)[2]}", secret.upper()):
        assert not opens(keys, wrong)
    assert opens(keys, secret)


def test_a_key_that_was_revoked_opens_nothing_not_even_in_another_process(keys: Keys, database: Database) -> None:
    key_id, secret = made(keys)
    elsewhere = Keys(Database(database.url))
    assert opens(elsewhere, secret)
    asyncio.run(keys.revoke(Caller(ADMIN), key_id))
    assert not opens(elsewhere, secret)
    assert not opens(keys, secret)


def test_a_key_opens_until_its_end_and_not_longer(keys: Keys, clock: Clock) -> None:
    _, secret = made(keys, expires=clock.now + 60)
    assert opens(keys, secret)
    clock.now += 60
    assert not opens(keys, secret)


def test_only_its_account_and_admin_can_revoke_a_key(keys: Keys) -> None:
    key_id, secret = made(keys)
    with pytest.raises(KeyUnknown):
        asyncio.run(keys.revoke(Caller("somebody else"), key_id))
    assert opens(keys, secret)


def test_looking_a_key_up_writes_at_most_once_a_minute(keys: Keys, database: Database, clock: Clock) -> None:
    key_id, secret = made(keys)
    writes: list[str] = []
    event.listen(
        database._engine, "before_cursor_execute", lambda *said: writes.append(said[2]) if "UPDATE" in said[2] else None
    )
    for _ in range(5):
        caller(keys, secret)
    assert len(writes) == 1
    first = clock.now
    clock.now += 59
    caller(keys, secret)
    clock.now += 1
    caller(keys, secret)
    assert len(writes) == 2
    (key,) = asyncio.run(keys.listed(ADMIN))
    assert (key.id, key.last_used) == (key_id, first + 60)


def test_a_database_that_cannot_be_written_to_still_knows_its_keys(
    keys: Keys, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = made(keys)

    async def full(*_: object) -> None:
        raise StorageFailed

    monkeypatch.setattr(database, "write", full)
    assert opens(keys, secret)


def test_the_operator_s_key_opens_beside_the_stored_ones_and_is_nowhere_on_the_disk(
    database: Database, tmp_path: Path
) -> None:
    keys = Keys(database, "the operator's own key")
    _, stored = made(keys)
    assert caller(keys, "the operator's own key") == Caller("admin", "environment")
    assert opens(keys, stored)
    assert not opens(keys, "the operator's own kez")
    digest = hashlib.sha256(b"the operator's own key").hexdigest()
    with database.look() as connection:
        assert digest not in str(connection.execute(text("SELECT * FROM keys")).all())


def old_file(folder: Path, secret: str, account: str = "admin") -> Path:
    file = folder / KEYS_FILE
    entry = {"id": secret.split("_")[1], "sha256": hashlib.sha256(secret.encode()).hexdigest(), "account": account}
    file.write_text(json.dumps([entry]))
    os.chmod(file, 0o600)
    return file


OLD_KEY = "dk_0123abcd_" + "s" * 43


def test_a_key_of_an_older_version_is_taken_over_once_and_works_on(
    database: Database, keys: Keys, tmp_path: Path
) -> None:
    file = old_file(tmp_path, OLD_KEY)
    take_over(database, tmp_path)
    assert not file.exists()
    assert caller(keys, OLD_KEY).account == "admin"
    assert make_first_key(database) is None, "there is one already"
    take_over(database, tmp_path)


def test_a_key_that_was_revoked_is_not_taken_over_again(database: Database, keys: Keys, tmp_path: Path) -> None:
    for _ in range(2):  # as from a backup of the folder
        old_file(tmp_path, OLD_KEY)
        take_over(database, tmp_path)
        asyncio.run(keys.revoke(Caller(ADMIN), "0123abcd"))
    assert not opens(keys, OLD_KEY)
