"""Putting a backup in place: all of it or nothing.

Everything is checked before anything is written; then it is laid out in a folder beside its place, brought up to the
tables of this version, and moved into place.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO

from alembic.util import CommandError

from server.backups.archive import (
    AT_ONCE,
    BLOBS,
    DATABASE,
    MANIFEST,
    OWN_KEYS,
    PROMPTS,
    Manifest,
    Report,
    checked,
    members,
    place_of,
)
from server.errors import BackupRefused, StorageFailed
from server.store.copies import copy_in, is_empty
from server.store.database import Database
from server.store.holder import is_served
from server.store.migrate import migrate

BESIDE_SQLITE = ("-wal", "-shm")
HOLDERS = "holders"
RESTORED = (BLOBS, PROMPTS, *OWN_KEYS)


def restore_backup(file: Path, database: Database, data: Path, report: Report, *, replace: bool = False) -> Manifest:
    """Into a data folder, and a database, that hold no server's state yet; or, to `replace` what is there, any.

    report: told each time how many more bytes of the file are done; each is read twice. Raises BackupRefused,
    StorageFailed and DatabaseLost, and then everything is as it was.
    """
    if is_served(data / HOLDERS):
        raise BackupRefused("a server runs on this data folder; stop it first")
    if not replace and _is_used(database, data):
        raise BackupRefused(
            "the data folder or database is in use; name another, or say --replace to lose what is there"
        )
    try:
        manifest = checked(file, report)
        with _stage(data) as stage:
            _lay_out(file, stage, report)
            _bring_up(stage / DATABASE)
            _put_in_place(stage, database, data)
    except OSError as error:
        raise StorageFailed from error
    return manifest


def _is_used(database: Database, data: Path) -> bool:
    if any((data / name).exists() for name in (DATABASE, *RESTORED)):
        return True
    if database.is_sqlite:
        return _file_of(database).exists()
    with database.look() as connection:
        return not is_empty(connection)


@contextmanager
def _stage(data: Path) -> Iterator[Path]:
    """A folder within the data folder, which may be all of a file system that we may write; new folders go again."""
    new = [folder for folder in (data, *data.parents) if not folder.exists()]
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".restoring-", dir=data) as stage:
            yield Path(stage)
    except BaseException:
        for folder in new:
            with suppress(OSError):
                folder.rmdir()
        raise


def _lay_out(file: Path, stage: Path, report: Report) -> None:
    with members(file) as named:
        for name, stream in named:
            if not MANIFEST.fullmatch(name):
                _write(stage, place_of(name), stream, report)
    os.sync()  # once, instead of waiting for each of many files


def _write(stage: Path, place: PurePosixPath, stream: IO[bytes], report: Report) -> None:
    for folder in reversed(place.parents):
        (stage / folder).mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(stage / place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as whole:
        while some := stream.read(AT_ONCE):
            whole.write(some)
            report(len(some))


def _bring_up(copy: Path) -> None:
    database = Database(f"sqlite:///{copy}")
    try:
        migrate(database)
    except CommandError:
        raise BackupRefused("a later version of Darkroom made it: restore it with that one") from None
    finally:
        database.close()


def _put_in_place(stage: Path, database: Database, data: Path) -> None:
    before = stage / "before"
    before.mkdir()
    with ExitStack() as undo:
        if database.is_sqlite:
            _swap_files(undo, stage, data, before)
            file = _file_of(database)
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for end in BESIDE_SQLITE:  # which belong to the old file alone
                _swap(undo, stage / f"no{end}", file.with_name(file.name + end), before / f"{DATABASE}{end}")
            _swap(undo, stage / DATABASE, file, before / DATABASE)
        else:
            with database.begin() as connection:  # others see its rows once the files are there
                copy_in(stage / DATABASE, connection)
                _swap_files(undo, stage, data, before)
        undo.pop_all()


def _swap_files(undo: ExitStack, stage: Path, data: Path, before: Path) -> None:
    for name in RESTORED:
        _swap(undo, stage / name, data / name, before / name)


def _swap(undo: ExitStack, new: Path, place: Path, old: Path) -> None:
    """What is there makes room, and what is new takes its place, where there is either."""
    if place.exists():
        shutil.move(place, old)
        undo.callback(shutil.move, old, place)
    if new.exists():
        shutil.move(new, place)
        undo.callback(shutil.move, place, new)


def _file_of(database: Database) -> Path:
    return Path(database.url.database or "")
