"""Requests that may be sent again; jobs know their kind, and the request that they are of."""

from alembic import op
from sqlalchemy import Column, Double, Integer, PrimaryKeyConstraint, Text, UniqueConstraint

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("jobs", Column("kind", Text()))
    op.add_column("jobs", Column("request", Text()))
    op.create_table(
        "requests",
        Column("job_id", Text(), nullable=False),
        Column("account", Text(), nullable=False),
        Column("key", Text()),
        Column("number", Integer(), nullable=False),
        Column("fingerprint", Text(), nullable=False),
        Column("tries", Integer(), nullable=False),
        Column("created", Double(), nullable=False),
        Column("left", Double()),
        PrimaryKeyConstraint("job_id", name="pk_requests"),
        UniqueConstraint("account", "key", "number", name="uq_requests_account_key_number"),
    )
    op.create_index("ix_requests_account_fingerprint", "requests", ["account", "fingerprint"])
    op.create_index("ix_requests_created", "requests", ["created"])
    op.create_index("ix_requests_left", "requests", ["left"])
