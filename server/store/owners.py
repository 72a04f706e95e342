"""Whom things belong to, and what opens them, in the words of the rest of the server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

ADMIN = "admin"  # the account that is always there, and the only one that may manage others


class Scope(StrEnum):
    """What a key may do. DRAW: ask for pictures, and change or delete what is its account's. READ: look at all that.

    MANAGE: keys; of the account `admin`, also accounts, models and whatever else concerns the whole server.
    """

    DRAW = "draw"
    READ = "read"
    MANAGE = "manage"


EVERYTHING = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What is taken where a request does not say; None leaves it to whoever answers the request.

    default_size: as in 1024x1024. filter: of pictures that are not for everybody. auto_save: into the gallery.
    options: what a dialect keeps for the account, JSON by the dialect's name.
    """

    default_model: str | None = None
    default_size: str | None = None
    filter: bool | None = None
    auto_save: bool | None = None
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """plan: the name of a tier of limits. storage_limit: bytes of images, None for no limit."""

    id: str
    name: str
    created: float
    email: str | None = None
    plan: str = "free"
    preferences: Preferences = Preferences()
    storage_limit: int | None = None
    deleted: float | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """id: what a log may name. sha256: of the whole key, in hexadecimal. models: all that it may use, None for any.

    last_used: to the minute. Times are seconds since 1970.
    """

    id: str
    sha256: str
    account: str
    name: str
    created: float
    scopes: frozenset[Scope] = EVERYTHING
    models: frozenset[str] | None = None
    expires: float | None = None
    revoked: float | None = None
    last_used: float | None = None
