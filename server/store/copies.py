"""The whole database as one SQLite file, whichever kind it is, and back into either kind."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import JSON, Connection, Integer, MetaData, Table, delete, func, insert, inspect, select, text

from server.errors import BackupRefused
from server.store.database import Database
from server.store.migrate import bring_to, migrate, revision_of, revisions
from server.store.tables import metadata

ROWS_AT_ONCE = 500


def copy_out(database: Database, file: Path) -> None:
    """All rows as they are at one moment, in a new file with the tables of this version; others may write meanwhile.

    SQLite copies its own pages within one reading transaction (https://www.sqlite.org/backup.html), so that a database
    of an older version is copied too, and only the copy is brought up to date. PostgreSQL's rows are read in one
    transaction that sees one moment (REPEATABLE READ). Raises BackupRefused where its tables are of another version.
    """
    if database.is_sqlite:
        with database.look_at_one_moment() as connection, closing(sqlite3.connect(file)) as copy:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.backup(copy)
    copied = Database(f"sqlite:///{file}")
    try:
        migrate(copied)
        if not database.is_sqlite:
            with database.look_at_one_moment() as source, copied.begin() as target:
                if revision_of(source) != revisions()[0]:
                    raise BackupRefused("the database is not of this version: make the backup with the one that is")
                _copy_rows(source, target)
    finally:
        copied.close()


def copy_in(file: Path, connection: Connection) -> None:
    """Within a transaction: the tables are made anew, and get the rows of such a file.

    The file has to have the tables of this version.
    """
    metadata.drop_all(connection)
    connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    bring_to(connection)
    kept = Database(f"sqlite:///{file}")
    try:
        with kept.look() as source:
            _copy_rows(source, connection)
    finally:
        kept.close()


def is_empty(connection: Connection) -> bool:
    """Whether none of our tables is there."""
    return not set(metadata.tables) & set(inspect(connection).get_table_names())


def _copy_rows(source: Connection, target: Connection) -> None:
    tables = _tables()
    for table in reversed(tables):
        target.execute(delete(table))  # a migration makes an account
    for table in tables:
        found = source.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table))
        for some in found.mappings().partitions():
            target.execute(insert(table), [dict(row) for row in some])
        if target.dialect.name == "postgresql":
            _count_on(target, table)


def _tables() -> list[Table]:
    """Those of the server, whatever others refer to first; what is null stays null and becomes no JSON that says so."""
    copied = MetaData()
    for table in metadata.sorted_tables:
        for column in table.to_metadata(copied).columns:
            if isinstance(column.type, JSON):
                column.type = JSON(none_as_null=True)
    return copied.sorted_tables


def _count_on(connection: Connection, table: Table) -> None:
    """PostgreSQL numbers new rows by a counter that knows nothing of rows that came with their numbers."""
    key = table.autoincrement_column
    if key is not None and isinstance(key.type, Integer):
        counter = func.pg_get_serial_sequence(table.name, key.name)
        last = select(func.coalesce(func.max(key), 0) + 1).scalar_subquery()
        connection.execute(select(func.setval(counter, last, False)))
