"""Brings a database's tables to what this version of the server wants; run at every start."""

from alembic import command
from alembic.config import Config

from server.store.database import Database, one_at_a_time

MIGRATIONS = "server.store:migrations"
LOCK = 1


def migrate(database: Database) -> None:
    """In one transaction: of two servers that start at once, the second finds the work done."""
    database.make_file()
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    config.set_main_option("path_separator", "os")
    with database.begin() as connection:
        one_at_a_time(connection, LOCK)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
