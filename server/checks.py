"""Could a picture be drawn and kept right now: named checks, each of which says in words what is wrong, or None."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from sqlalchemy import select

from pipelines.engine.protocol import Worker
from server.errors import DatabaseLost
from server.settings import Settings
from server.store.database import Database

Check = Callable[[], Awaitable[str | None]]


def checks_of(settings: Settings, worker: Worker, database: Database) -> dict[str, Check]:
    """What has to hold, by names for machines."""
    return {
        "database": partial(check_database, database),
        "worker": partial(check_worker, worker, settings.stale_beat_seconds),
        "disk": partial(check_disk, settings.data, settings.disk_reserve),
    }


async def problems_of(checks: dict[str, Check]) -> dict[str, str]:
    """The checks that fail, with what each says."""
    said = await asyncio.gather(*(check() for check in checks.values()))
    return {name: problem for name, problem in zip(checks, said, strict=True) if problem is not None}


async def check_worker(worker: Worker, stale_seconds: float) -> str | None:
    """Busy is no problem: a worker that draws beats at every tick."""
    health = worker.health()
    if health.seconds_since_beat > stale_seconds:
        return "what draws has shown no life for too long"
    return None if health.ready else f"what draws is not ready: {health.state}"


async def check_database(database: Database) -> str | None:
    try:
        await database.read(lambda connection: connection.execute(select(1)))
    except DatabaseLost:
        return "the database does not answer"
    return None


async def check_disk(folder: Path, reserve: int) -> str | None:
    """reserve: bytes. Where the folder does not exist yet, it will be made on the disk of its nearest parent."""
    free = await asyncio.to_thread(_free_bytes, folder)
    return None if free >= reserve else "the disk of the data folder has less free than its reserve"


def _free_bytes(folder: Path) -> int:
    place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return shutil.disk_usage(place).free
