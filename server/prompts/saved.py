"""Presets that accounts save for themselves, beside those of the data files."""

import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog
from pydantic import ValidationError

from server.errors import EntryUnknown
from server.prompts.library import Library
from server.prompts.presets import Preset
from server.store import presets as rows
from server.store.audit import noted
from server.store.database import Database

log = structlog.get_logger()


class Saved(NamedTuple):
    """own: whether the account made it itself."""

    id: str
    preset: Preset
    own: bool


class Presets:
    """What is not there, or is another account's, raises EntryUnknown."""

    def __init__(self, database: Database, library: Library, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._library = library
        self._clock = clock

    async def all(self, account: str) -> list[Saved]:
        """Those of the data files, then the account's own, the oldest first."""
        own = [_read(row) for row in await self._database.read(rows.page, account)]
        of_files = [Saved(name, preset, False) for name, preset in self._library.now.presets.items()]
        return of_files + [saved for saved in own if saved is not None]

    async def find(self, account: str, preset_id: str) -> Saved:
        """The account's own of this id, or the one of the data files."""
        row = None if "\0" in preset_id else await self._database.read(rows.get, account, preset_id)
        saved = row and _read(row)
        return saved or Saved(preset_id, self._library.now.preset(preset_id), False)

    async def save(self, account: str, preset: Preset) -> Saved:
        """As a new one. Raises EntryUnknown too where it names a style or template that is not there."""
        self._check(preset)
        now = self._clock()
        row = rows.Row(f"preset_{secrets.token_urlsafe(16)}", account, preset.model_dump(mode="json"), now, now)
        await self._database.write(rows.put, row)
        return Saved(row.id, preset, True)

    async def replace(self, account: str, preset_id: str, preset: Preset) -> Saved:
        self._check(preset)
        content = preset.model_dump(mode="json")
        change = noted(rows.change, "preset_changed", preset_id)
        if not await self._database.write(change, account, preset_id, content, self._clock()):
            raise EntryUnknown("presets", "preset")
        return Saved(preset_id, preset, True)

    async def remove(self, account: str, preset_id: str) -> None:
        if not await self._database.write(noted(rows.remove, "preset_deleted", preset_id), account, preset_id):
            raise EntryUnknown("presets", "preset")

    def _check(self, preset: Preset) -> None:
        if preset.style is not None:
            self._library.now.style(preset.style)
        if preset.template is not None:
            self._library.now.template(preset.template)


def _read(row: rows.Row) -> Saved | None:
    """None where another version of the server wrote it in words that are unknown here."""
    try:
        return Saved(row.id, Preset.model_validate(row.content), True)
    except ValidationError:
        log.warning("preset_unreadable", preset=row.id)
        return None
