"""Run by test_before_or_after_never_between.py: one use of the store from an empty folder on, struck at its k-th
operation, for every k. An operation is a statement or a commit in the database, or a call on a file of the blobs.

The arguments are a scratch folder, `killed` (the process ends there, by SIGKILL) or `failed` (the operation raises an
error, and the process tries the same again), and by how many operations the strikes lie apart. Prints JSON: how many
there were, and in how many of them the step was found not begun or done. Each strike is in a process of its own, forked
from this one, which never touches a database.
"""

import asyncio
import hashlib
import json
import os
import secrets
import shutil
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine, event

from pipelines.engine.protocol import Terms
from pipelines.tasks import ImageToImage, Picture, Raster, TextToImage
from server.errors import StorageFailed
from server.feeder import Feeder
from server.images import Images
from server.jobs import Jobs
from server.store import claims
from server.store import jobs as job_rows
from server.store.blobs import FolderBlobs
from server.store.database import Database
from server.store.holder import Holder
from server.store.migrate import migrate
from server.store.words import Claim, Encoding, Failure
from tests.server.worker import StepWorker

FILE_CALLS = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "fcntl.flock"})
LATER = 10**10  # seconds, after which everything is old
PIXELS = bytes(range(192))
TEXT = TextToImage("flat", "a ring", "", 8, 8, 4, 4.0, "euler", 1, 1)
DRAWN = Picture(8, 8, PIXELS, 1, (8, 8), "flat")
BEGUN, DONE = "begun", "done"


class Struck(OSError):
    """What a failing operation raises."""


class Strike:
    """Counts operations and strikes the one of that number."""

    def __init__(self, number: int, *, kills: bool) -> None:
        self.number, self.kills, self.passed = number, kills, 0

    def watch(self, blobs: Path) -> None:
        event.listen(Engine, "before_cursor_execute", lambda *_: self.one())
        event.listen(Engine, "commit", lambda *_: self.one())
        fsync = os.fsync

        def counted(descriptor: int) -> None:
            self.one()
            fsync(descriptor)

        def audited(name: str, arguments: tuple[Any, ...]) -> None:
            if name in FILE_CALLS and (name == "fcntl.flock" or str(arguments[0]).startswith(str(blobs))):
                self.one()

        os.fsync = counted
        sys.addaudithook(audited)

    def one(self) -> None:
        self.passed += 1
        if self.passed == self.number:
            if self.kills:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Struck


@dataclass
class Store:
    """The parts of a server that keep something, on one folder; time and names are the same in every process."""

    folder: Path
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.database = Database(f"sqlite:///{self.folder / 'darkroom.db'}")
        self.blobs = FolderBlobs(self.folder / "blobs")
        self.images = Images(self.database, self.blobs, 100.0, 10.0, self.clock)
        feeder = Feeder(self.database, self.blobs, StepWorker(), Holder(self.folder / "holders"), self.clock)
        self.jobs = Jobs(self.database, self.blobs, StepWorker(), feeder, max_queue=9, clock=self.clock)
        self.claimed: list[Claim] = []

    def clock(self) -> float:
        return self.now

    async def prepare(self) -> None:
        await asyncio.to_thread(migrate, self.database)

    async def submit(self) -> None:
        await self.jobs.submit(TEXT, Encoding(), Terms("somebody"))

    async def submit_with_pixels(self) -> None:
        given = ImageToImage(
            "flat", "a ring", "", 8, 8, 4, 4.0, "euler", 1, 1, image=Raster(8, 8, PIXELS), strength=0.5
        )
        await self.jobs.submit(given, Encoding(), Terms("somebody"))

    async def claim(self) -> None:
        self.claimed = await self.database.write(claims.claim, "a holder", 9, self.now + 30)

    async def start(self) -> None:
        await self.database.write(claims.start, self.claimed[0], self.now)

    async def succeed(self) -> None:
        """As the runner does it."""
        image = await self.images.store(DRAWN, "somebody", Encoding(), TEXT)
        await self.database.write(claims.succeed, self.claimed[0], self.now, [image], None, 4)

    async def publish(self) -> None:
        await self.images.publish((await self._page())[-1].images[0])

    async def cancel(self) -> None:
        await self.jobs.cancel("somebody", self.claimed[1].job_id)

    async def give_back(self) -> None:
        await self.database.write(claims.give_back, "a holder", self.now, self.claimed[1].job_id)

    async def recover(self) -> None:
        """The holder of what is left has died."""
        await self.database.write(claims.recover, ["a holder"], self.now)

    async def fail(self) -> None:
        await self.database.write(claims.fail, self.claimed[0], self.now, Failure("drawing_failed", "It broke."))

    async def delete(self) -> None:
        await self.images.delete((await self._page())[-1].images[0])

    async def forget(self) -> None:
        await self.database.write(job_rows.forget, self.now + 1, self.now)

    async def sweep(self) -> None:
        self.now += LATER
        await self.images.sweep()

    async def purge(self) -> None:
        await self.database.write(job_rows.purge, self.now)

    async def _page(self) -> list[Any]:
        return await self.jobs.page("somebody", 9)


STORY: tuple[Callable[[Store], Awaitable[None]], ...] = (
    Store.prepare, Store.submit_with_pixels, Store.submit, Store.submit, Store.claim, Store.start, Store.succeed,
    Store.publish, Store.cancel, Store.give_back, Store.recover, Store.claim, Store.fail, Store.delete, Store.forget,
    Store.sweep, Store.purge,
)  # fmt: skip


def dump(folder: Path) -> str:
    """All that the database holds; a reader of its own, which knows nothing of our tables."""
    connection = sqlite3.connect(folder / "darkroom.db")
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall()) for name in sorted(names)}  # noqa: S608  # names of our own tables
    connection.close()
    return json.dumps(rows, default=str)


def check_blobs(store: Store) -> set[str]:
    """What rows refer to is there, whole; the names of it."""
    with store.database.look() as connection:
        asked = "SELECT blob FROM images UNION SELECT pixels FROM jobs WHERE pixels IS NOT NULL"
        needed = {name for (name,) in connection.exec_driver_sql(asked)}
    for name in needed:
        with store.blobs.open(name) as file:
            assert hashlib.sha256(file.read()).hexdigest() == name, name
    return needed


async def tell(folder: Path, strike: Strike) -> None:
    """The story. The file `pages` gets how the database looks before each step, `found` how it did when one failed."""
    names = count()
    secrets.token_urlsafe = lambda nbytes=None: f"{next(names):022}"  # the same in every process, as the time is
    time.time = lambda: 1000.0
    store = Store(folder / "data")
    store.database.make_file()
    strike.watch(store.folder / "blobs")
    with (folder / "pages").open("w") as pages:
        for step in STORY:
            before = dump(store.folder)
            pages.write(before + "\n")
            pages.flush()
            try:
                await step(store)
            except (Struck, StorageFailed):
                (folder / "found").write_text(dump(store.folder))
                if dump(store.folder) == before:
                    await step(store)
        pages.write(dump(store.folder) + "\n")
    (folder / "passed").write_text(str(strike.passed))


async def go_on(folder: Path) -> None:
    """Whoever starts on the folder afterwards finds it whole, and works."""
    store = Store(folder / "data")
    await store.prepare()
    check_blobs(store)
    await store.recover()
    for step in (Store.submit_with_pixels, Store.claim, Store.start, Store.succeed, Store.sweep):
        await step(store)
    kept = {file.name for file in (store.folder / "blobs").glob("??/??/*")}
    assert kept == check_blobs(store), "a file that nobody needs stays, or one that is not whole"


def in_a_process(step: Callable[[], Awaitable[None]]) -> int:
    """How it ended, as os.waitpid tells it."""
    if child := os.fork():
        return os.waitpid(child, 0)[1]
    try:
        asyncio.run(step())  # type: ignore[arg-type]
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def struck(folder: Path, number: int, truth: list[str], *, kills: bool) -> str:
    """How the step was found that the strike met. Raises AssertionError where it was neither begun nor done."""
    (folder / "data").mkdir(parents=True)
    status = in_a_process(lambda: tell(folder, Strike(number, kills=kills)))
    assert status == (signal.SIGKILL if kills else 0), f"strike {number}: {status}"
    pages = (folder / "pages").read_text().splitlines()
    found = dump(folder / "data") if kills else (folder / "found").read_text()
    step = len(pages) - 1 if kills else next(i for i, page in enumerate(truth) if page == found)
    assert found in truth[step : step + 2], f"strike {number}: between the ends of {STORY[step].__name__}"
    assert in_a_process(lambda: go_on(folder)) == 0, f"strike {number}: the next process could not go on"
    return BEGUN if found == truth[step] else DONE


def main(scratch: Path, how: str, stride: int) -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    whole = scratch / "whole"
    (whole / "data").mkdir(parents=True)
    assert in_a_process(lambda: tell(whole, Strike(0, kills=False))) == 0
    truth, operations = (whole / "pages").read_text().splitlines(), int((whole / "passed").read_text())
    found = {BEGUN: 0, DONE: 0}
    for number in range(1, operations + 1, stride):
        found[struck(scratch / str(number), number, truth, kills=how == "killed")] += 1
        shutil.rmtree(scratch / str(number))
    sys.stdout.write(json.dumps({"operations": operations, **found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
