"""The one door to the database: SQLite in the data folder, or PostgreSQL. Work is done in threads, in transactions."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from server.errors import DatabaseLost, StorageFailed

BUSY_MILLISECONDS = 20_000  # that a writer waits for one of another process
RETRY_SECONDS = 0.01
PRAGMAS = (
    "synchronous = FULL",  # a commit that was told survives a power cut
    "foreign_keys = ON",
    f"busy_timeout = {BUSY_MILLISECONDS}",
)
DISK_FULL = "53100"  # PostgreSQL's code
# How a transaction that writes begins; a `PRAGMA synchronous` has to come before it, and none within it counts.
SURELY = ("PRAGMA synchronous = FULL", "BEGIN IMMEDIATE")
LIGHTLY = ("PRAGMA synchronous = NORMAL", "BEGIN IMMEDIATE")

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Database:
    """Every step is a function of a connection and runs in one transaction: it happens as a whole or not at all.

    Steps raise StorageFailed where the disk is full, DatabaseLost where the database does not answer.
    """

    def __init__(self, url: str | URL) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        # Values are prompts and the like, and an error ends up in a log.
        self._engine = create_engine(self.url, hide_parameters=True, pool_pre_ping=not self.is_sqlite)
        self._writing: AbstractContextManager[Any] = nullcontext()
        if self.is_sqlite:
            self._writing = threading.Lock()
            event.listen(self._engine, "connect", _prepare)
            event.listen(self._engine, "begin", _begin)
        self._writer = self._engine.execution_options(begins=SURELY)
        self._light_writer = self._engine.execution_options(begins=LIGHTLY)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that writes. On SQLite it waits for its turn first, so that it never has to give up later."""
        with self._writing, _plainly(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def begin_lightly(self) -> Iterator[Connection]:
        """As `begin`, but a power cut may undo it, whole; the end of this process does not. It waits for no disk."""
        with self._writing, _plainly(), self._light_writer.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SET LOCAL synchronous_commit = off"))
            yield connection

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with _plainly(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def look_at_one_moment(self) -> Iterator[Connection]:
        """As `look`, and however long it takes, nothing that others write meanwhile is seen."""
        level = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}  # SQLite has it so in any case
        with _plainly(), self._engine.execution_options(**level).begin() as connection:
            yield connection

    async def write(
        self, step: Callable[Concatenate[Connection, Given], Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        return await asyncio.to_thread(self._within, self.begin, lambda connection: step(connection, *args, **kwargs))

    async def write_lightly(
        self, step: Callable[Concatenate[Connection, Given], Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        """What can be found out again after a power cut: see `begin_lightly`."""
        within = self._within
        return await asyncio.to_thread(within, self.begin_lightly, lambda connection: step(connection, *args, **kwargs))

    async def read(
        self, step: Callable[Concatenate[Connection, Given], Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        return await asyncio.to_thread(self._within, self.look, lambda connection: step(connection, *args, **kwargs))

    def make_file(self) -> None:
        """SQLite's file, for its owner's eyes only; the files beside it take its mode.

        One that is there is not opened: to close it would take this process's locks on it away (fcntl(2)).
        """
        if self.is_sqlite and self.url.database:
            file = Path(self.url.database)
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))

    def close(self) -> None:
        self._engine.dispose()

    @staticmethod
    def _within(
        transaction: Callable[[], AbstractContextManager[Connection]], step: Callable[[Connection], Result]
    ) -> Result:
        with transaction() as connection:
            return step(connection)


def one_at_a_time(connection: Connection, number: int) -> None:
    """Nobody else passes here with this number until the transaction ends; on SQLite nobody else writes anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: `_begin` does
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    _write_ahead(connection)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """The one switch for which SQLite waits for nobody: servers that start at once on a new file get in each other's
    way. Once it is done, it is done for good, and asking for it again costs nothing.
    """
    until = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(RETRY_SECONDS)


def _begin(connection: Connection) -> None:
    for statement in connection.get_execution_options().get("begins", ("BEGIN",)):
        connection.exec_driver_sql(statement)


@contextmanager
def _plainly() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise (StorageFailed() if _is_full(error) else DatabaseLost()) from error


def _is_full(error: DBAPIError) -> bool:
    told = error.orig
    if isinstance(told, sqlite3.Error):
        return told.sqlite_errorcode in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)
    return getattr(told, "sqlstate", None) == DISK_FULL
