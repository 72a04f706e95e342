"""Brings a database's tables to what this version of the server wants; run at every start."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from server.store.database import Database, one_at_a_time

MIGRATIONS = "server.store:migrations"
LOCK = 1
NEWEST = "head"


def migrate(database: Database, revision: str = NEWEST) -> None:
    """In one transaction: of two servers that start at once, the second finds the work done.

    Raises alembic.util.CommandError where a later version of the server made the tables.
    """
    database.make_file()
    with database.begin() as connection:
        one_at_a_time(connection, LOCK)
        bring_to(connection, revision)


def bring_to(connection: Connection, revision: str = NEWEST) -> None:
    """As `migrate`, within a transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def revision_of(connection: Connection) -> str | None:
    """Which migration made the tables that are there last; None where there are none."""
    return MigrationContext.configure(connection).get_current_revision()


def revisions() -> list[str]:
    """Every migration that this version knows, the newest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    config.set_main_option("path_separator", "os")
    return config
