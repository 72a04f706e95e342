"""Making a backup while servers go on drawing.

Why it is consistent. A file is written and synchronised before the row that names it, and removed only by a sweep, when
no row names it any more. So sweeps are held off first, in every process on the same data folder; then the database is
copied as it is at one moment; then the files are copied that this copy names. Each of them was there at that moment,
and stays until all are copied. What is accepted or drawn after that moment is not in the backup, as if it came later.
"""

import hashlib
import io
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from server.backups.archive import BLOBS, DATABASE, OWN_KEYS, PROMPTS, Manifest
from server.errors import BackupRefused, StorageFailed
from server.store.blobs import FolderBlobs, read
from server.store.copies import copy_out
from server.store.database import Database
from server.store.images import all_blobs
from server.store.migrate import revisions

PART = ".part"  # what the file is called until it is whole


@dataclass(frozen=True, slots=True)
class Made:
    """file: where it lies. files: how many pictures and the like are in it. lost: files that the database names and
    that are not on the disk any more, or not as they were; their images were lost before.
    """

    file: Path
    files: int
    lost: int


def make_backup(database: Database, data: Path, file: Path, report: Callable[[int, int], object]) -> Made:
    """report: told how many files are in it, of how many. Raises BackupRefused and StorageFailed, and then leaves
    nothing behind.
    """
    if file.exists():
        raise BackupRefused("a file of that name is there already; take another one")
    if database.is_sqlite and not Path(database.url.database or "").is_file():
        raise BackupRefused("there is no database yet; see what DARKROOM_DATA says")
    part = file.with_name(file.name + PART)
    try:
        with _new(part) as whole, tempfile.TemporaryDirectory(prefix=file.name, dir=file.parent) as folder:
            made = _write(database, data, whole, Path(folder) / DATABASE, report)
            whole.flush()
            os.fsync(whole.fileno())
        part.rename(file)
    except FileExistsError:
        raise BackupRefused(
            "another backup to it runs, or was killed; then remove the file that ends in .part"
        ) from None
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageFailed from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return Made(file, *made)


def _write(
    database: Database, data: Path, whole: BinaryIO, copy: Path, report: Callable[[int, int], object]
) -> tuple[int, int]:
    """How many files went in, and how many are lost."""
    blobs = FolderBlobs(data / BLOBS)
    with blobs.kept(), tarfile.open(fileobj=whole, mode="w", format=tarfile.PAX_FORMAT) as archive:
        made = time.time()
        copy_out(database, copy)
        files = {DATABASE: _add_file(archive, DATABASE, copy, made)}
        for name, place in _small_files(data):
            files[name] = _add_file(archive, name, place, made)
        names, here = sorted(_named_in(copy)), 0
        for number, blob in enumerate(names, 1):
            with suppress(FileNotFoundError):
                content = read(blobs, blob)
                if hashlib.sha256(content).hexdigest() == blob:
                    files[f"{BLOBS}/{blob}"] = _add(archive, f"{BLOBS}/{blob}", content, made)
                    here += 1
            report(number, len(names))
        manifest = Manifest(format=1, tables=revisions()[0], made=made, files=files).model_dump_json().encode()
        _add(archive, f"manifest-{hashlib.sha256(manifest).hexdigest()}.json", manifest, made)
    return here, len(names) - here


def _new(file: Path) -> BinaryIO:
    """For its owner's eyes alone."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _named_in(copy: Path) -> set[str]:
    database = Database(f"sqlite:///{copy}")
    try:
        with database.look() as connection:
            return all_blobs(connection)
    finally:
        database.close()


def _small_files(data: Path) -> Iterator[tuple[str, Path]]:
    """Those of the data folder that a server cannot do without, by their names in a backup."""
    for name in OWN_KEYS:
        if (data / name).is_file():
            yield name, data / name
    for file in sorted((data / PROMPTS).glob("[!.]*.yaml")):
        yield f"{PROMPTS}/{file.name}", file


def _add_file(archive: tarfile.TarFile, name: str, file: Path, made: float) -> str:
    """The SHA-256 of what went in."""
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        content.seek(0)
        archive.addfile(_described(name, file.stat().st_size, made), content)
    return sha256


def _add(archive: tarfile.TarFile, name: str, content: bytes, made: float) -> str:
    archive.addfile(_described(name, len(content), made), io.BytesIO(content))
    return hashlib.sha256(content).hexdigest()


def _described(name: str, size: int, made: float) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(made)
    return member


def named_by_time(folder: Path, now: float) -> Path:
    """A name for a backup in a folder of them, such as darkroom-20261121-020000.tar, in UTC."""
    return folder / time.strftime("darkroom-%Y%m%d-%H%M%S.tar", time.gmtime(now))
