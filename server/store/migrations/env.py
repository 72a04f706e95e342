"""Run by Alembic, which hands over the connection, and its transaction, of server/store/migrate.py."""

from alembic import context

from server.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite too takes tables back, since the driver does not commit by itself
)
context.run_migrations()
