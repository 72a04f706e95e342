"""Accounts, of which there was one without a row, and keys, which lay in a file."""

import time

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, Double, ForeignKeyConstraint, PrimaryKeyConstraint, Text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    accounts = op.create_table(
        "accounts",
        Column("id", Text(), nullable=False),
        Column("name", Text(), nullable=False),
        Column("email", Text()),
        Column("plan", Text(), nullable=False),
        Column("preferences", JSON(), nullable=False),
        Column("storage_limit", BigInteger()),
        Column("created", Double(), nullable=False),
        Column("deleted", Double()),
        PrimaryKeyConstraint("id", name="pk_accounts"),
    )
    admin = {"id": "admin", "name": "admin", "plan": "enterprise", "preferences": {}, "created": time.time()}
    op.bulk_insert(accounts, [admin])
    make_keys()


def make_keys() -> None:
    op.create_table(
        "keys",
        Column("id", Text(), nullable=False),
        Column("sha256", Text(), nullable=False),
        Column("account", Text(), nullable=False),
        Column("name", Text(), nullable=False),
        Column("scopes", JSON(), nullable=False),
        Column("models", JSON()),
        Column("expires", Double()),
        Column("revoked", Double()),
        Column("created", Double(), nullable=False),
        Column("last_used", Double()),
        ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_keys_account"),
        PrimaryKeyConstraint("id", name="pk_keys"),
    )
    op.create_index("ix_keys_account", "keys", ["account"])
