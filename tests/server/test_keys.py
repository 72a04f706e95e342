"""Keys are shown once, kept as hashes, and nothing else opens the door."""

import stat
from pathlib import Path

import pytest

from server.errors import KeyWrong
from server.keys import KEYS_FILE, load_keys, make_first_key


def test_the_first_key_opens_the_door(tmp_path: Path) -> None:
    key = make_first_key(tmp_path)
    assert key is not None
    assert key.startswith("dk_")
    assert load_keys(tmp_path, None).account_of(key.encode()) == "admin"


def test_a_key_is_made_once(tmp_path: Path) -> None:
    key = make_first_key(tmp_path)
    assert make_first_key(tmp_path) is None
    assert key is not None
    assert load_keys(tmp_path, None).account_of(key.encode()) == "admin", "the first one still works"


def test_the_disk_has_only_the_hash_and_only_for_the_owner(tmp_path: Path) -> None:
    key = make_first_key(tmp_path)
    assert key is not None
    file = tmp_path / KEYS_FILE
    assert key.split("_", 2)[2] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("wrong", [b"", b"dk_", b"dk_0_0", b"\xff"], ids=["empty", "prefix", "made up", "no text"])
def test_other_words_do_not(tmp_path: Path, wrong: bytes) -> None:
    make_first_key(tmp_path)
    with pytest.raises(KeyWrong):
        load_keys(tmp_path, None).account_of(wrong)


def test_half_a_key_does_not(tmp_path: Path) -> None:
    key = make_first_key(tmp_path)
    assert key is not None
    with pytest.raises(KeyWrong):
        load_keys(tmp_path, None).account_of(key[:-1].encode())


def test_the_operator_s_key_takes_the_place_of_the_stored_one(tmp_path: Path) -> None:
    stored = make_first_key(tmp_path)
    assert stored is not None
    keys = load_keys(tmp_path, "the operator's own key")
    assert keys.account_of(b"the operator's own key") == "admin"
    with pytest.raises(KeyWrong):
        keys.account_of(stored.encode())


def test_without_any_key_nothing_opens(tmp_path: Path) -> None:
    with pytest.raises(KeyWrong):
        load_keys(tmp_path, None).account_of(b"anything")
