"""Whose address is it: the dialect that a request speaks, by the beginning of its path."""

from collections.abc import Mapping
from typing import TypeVar

from starlette.types import Scope

Theirs = TypeVar("Theirs")


def by_prefix(scope: Scope, table: Mapping[str, Theirs]) -> Theirs | None:
    """What the table has for the prefix, such as /v1, that the address is, or is under; None where it is nobody's."""
    path = scope["path"].removeprefix(scope["root_path"])
    return next((theirs for prefix, theirs in table.items() if f"{path}/".startswith(f"{prefix}/")), None)
