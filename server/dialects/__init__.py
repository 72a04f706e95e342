"""Dialects: one file per wire API, each with a `dialect`. A new file in this folder is served without another edit."""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module

from fastapi import APIRouter

from server.http.problems import Wording
from server.http.standing import Spelling
from server.settings import Settings
from server.webhooks.forms import Form


@dataclass(frozen=True, slots=True)
class Dialect:
    """prefix, others: the addresses that are its own, such as /v1. wording: how its vendor words an error.

    limits_headers: how its vendor spells what is left of a caller's limits; None: as our own API does.
    form: makes of the settings how its vendor words the message of a webhook; the dialect's name is the form's.
    statuses: what its vendor has in place of an HTTP status of ours.
    """

    name: str
    prefix: str
    router: APIRouter
    wording: Wording
    limits_headers: Spelling | None = None
    form: Callable[[Settings], Form] | None = None
    statuses: Mapping[int, int] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    @property
    def prefixes(self) -> tuple[str, ...]:
        return self.prefix, *self.others


def all_dialects() -> tuple[Dialect, ...]:
    """Every dialect of this folder; raises ValueError where two claim one prefix."""
    modules = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    dialects: tuple[Dialect, ...] = tuple(module.dialect for module in modules)
    prefixes = [prefix for dialect in dialects for prefix in dialect.prefixes]
    if len(set(prefixes)) < len(prefixes):
        raise ValueError("two dialects claim one prefix")
    return dialects
