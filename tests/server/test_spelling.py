"""Ids and moments as other APIs spell them."""

import re
import secrets

import pytest

from server.spelling import account_uuid, id_of, moment, uuid_of


def test_an_id_comes_back_from_its_uuid() -> None:
    for _ in range(100):
        ours = f"job_{secrets.token_urlsafe(16)}"
        theirs = uuid_of(ours)
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", theirs)
        assert id_of("job", theirs) == id_of("job", theirs.upper()) == ours


@pytest.mark.parametrize("spelled", ["", "nothing", "job_x", "550e8400-e29b-41d4-a716-44665544000g", "é" * 32])
def test_what_is_no_uuid_is_nobodys_id(spelled: str) -> None:
    assert id_of("job", spelled) == ""


def test_an_account_has_one_uuid() -> None:
    assert account_uuid("ann") == account_uuid("ann") != account_uuid("bob")


def test_a_moment_has_milliseconds_and_no_zone_but_z() -> None:
    assert moment(0.25) == "1970-01-01T00:00:00.250Z"
