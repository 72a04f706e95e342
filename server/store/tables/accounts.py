"""Accounts and the keys that open them."""

from sqlalchemy import JSON, BigInteger, Column, Double, ForeignKey, Table, Text

from server.store.tables.base import metadata

# storage_limit: bytes, null for none. deleted: since then nothing opens it; the row stays, so that no id is used twice.
accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("plan", Text, nullable=False),
    Column("preferences", JSON, nullable=False),
    Column("storage_limit", BigInteger),
    Column("created", Double, nullable=False),
    Column("deleted", Double),
)

# sha256: of the whole key, in hexadecimal. models: null for all of them. last_used: to the minute.
keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("models", JSON(none_as_null=True)),
    Column("expires", Double),
    Column("revoked", Double),
    Column("created", Double, nullable=False),
    Column("last_used", Double),
)
