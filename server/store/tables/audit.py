"""Who did what."""

from sqlalchemy import JSON, BigInteger, Column, Double, Index, Integer, Table, Text

from server.store.tables.base import metadata

# Rows are added, and the database itself refuses to change or delete one (migration 0008). account, key: who asked;
# both null for commands on the server's own machine. address: where the request came from. request: its id in the log.
# subject: the id of what it was done to.
audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Double, nullable=False),
    Column("what", Text, nullable=False),
    Column("account", Text),
    Column("key", Text),
    Column("address", Text),
    Column("request", Text),
    Column("subject", Text),
    Column("detail", JSON, nullable=False),
    Index(None, "account", "id"),
)
