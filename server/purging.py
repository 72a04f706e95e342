"""What the server does every minute with what has had its time, done at once, and told."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from server.images import YOUNG_SECONDS, orphans
from server.settings import Settings
from server.store import images, retention
from server.store.audit import note
from server.store.blobs import FolderBlobs
from server.store.copies import copy_out
from server.store.database import Database


@dataclass(frozen=True, slots=True)
class Purged:
    """Rows of jobs and images that are gone; jobs that are only hidden until their row goes; files that no row refers
    to, None where a backup needs them just now, and their bytes.
    """

    jobs: int
    images: int
    hidden: int
    files: int | None
    size: int


def purge(database: Database, settings: Settings, now: float, *, dry_run: bool = False) -> Purged:
    """dry_run: on a copy of the database, so that servers go on meanwhile, and without removing a file."""
    if not dry_run:
        return _purge(database, settings, now, remove=True)
    with tempfile.TemporaryDirectory(dir=settings.data) as folder:
        file = Path(folder) / "copy.db"
        copy_out(database, file)
        copy = Database(f"sqlite:///{file}")
        try:
            return _purge(copy, settings, now, remove=False)
        finally:
            copy.close()


def _purge(database: Database, settings: Settings, now: float, *, remove: bool) -> Purged:
    seconds = settings.image_ttl_seconds, settings.purge_seconds, settings.idempotency_seconds
    with database.begin() as connection:
        hidden, gone = retention.drop_jobs(connection, now, *seconds)
        gone_images = images.purge(connection, now - settings.purge_seconds)
        note(connection, "purged", jobs=gone, images=gone_images)
    return Purged(
        gone, gone_images, hidden, *_sweep(database, FolderBlobs(settings.data / "blobs"), now, remove=remove)
    )


def _sweep(database: Database, blobs: FolderBlobs, now: float, *, remove: bool) -> tuple[int | None, int]:
    files, size, old = 0, 0, now - YOUNG_SECONDS
    with blobs.sweeping() as may:
        if not may:
            return None, 0
        for name in orphans(database, blobs, old):
            with blobs.open(name) as file:
                size += os.fstat(file.fileno()).st_size
            files += 1
            if remove:
                blobs.delete(name, old)
    return files, size
