"""Patterns find what is wrong, so that a case that passes has said something."""

from typing import Any

import pytest

from tests.dialects.patterns import filled, keys, mismatches

UUID = "550e8400-e29b-41d4-a716-446655440000"


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ({"id": "$uuid", "n": 1}, {"id": UUID, "n": 1}),
        ("$text|$null", None),
        ({"$some": {"a": 1}}, {"a": 1, "b": 2}),
        ({"$each": {"n": "$int"}}, [{"n": 1}, {"n": 2}]),
        ([1, "$bool"], [1, True]),
        ({"$begins": [1, "$int"]}, [1, 2, 3]),
    ],
)
def test_what_matches_passes(pattern: Any, value: Any) -> None:
    assert list(mismatches(pattern, value, {})) == []


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": 1}, {"a": True}),
        ("$uuid", "no uuid"),
        ("$int", True),
        ("$text", " "),
        ({"$each": "$int"}, []),
        ({"$each": "$int"}, [1, "2"]),
        ([1], [1, 2]),
        ({"$begins": [2]}, [1, 2]),
        ({"$begins": [1, 2]}, [1]),
        ({"$begins": [1]}, {"a": 1}),
        ({"a": {}}, {"a": []}),
    ],
)
def test_what_does_not_match_is_told(pattern: Any, value: Any) -> None:
    (told,) = mismatches(pattern, value, {})
    assert told.startswith("the answer")


def test_what_is_kept_fills_later_requests() -> None:
    kept: dict[str, Any] = {}
    assert not list(mismatches({"id": "$uuid as id", "n": "$int as n"}, {"id": UUID, "n": 3}, kept))
    assert filled({"path": "/things/{id}?n={n}", "n": "{n}"}, kept) == {"path": f"/things/{UUID}?n=3", "n": 3}
    assert not list(mismatches({"id": "{id}"}, {"id": UUID}, kept))


def test_an_object_that_was_kept_is_sent_back_with_changes() -> None:
    assert filled({"$kept": "options", "b": "{c}"}, {"options": {"a": 1, "b": 2}, "c": 3}) == {"a": 1, "b": 3}


def test_keys_are_told_with_dots() -> None:
    assert list(keys({"a": {"$each": {"b": 1}}, "c": [{"d": 1}]})) == ["a", "a.b", "c", "c.d"]
