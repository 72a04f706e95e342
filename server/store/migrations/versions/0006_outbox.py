"""Webhooks and connectors, and the outbox from which they are served."""

from alembic import op
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Text,
)

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    make_webhooks()
    make_outbox()
    make_deliveries()
    make_connectors()
    op.add_column("jobs", Column("connector", Text()))


def make_webhooks() -> None:
    op.create_table(
        "webhooks",
        Column("id", Text(), nullable=False),
        Column("account", Text(), nullable=False),
        Column("job_id", Text()),
        Column("url", Text(), nullable=False),
        Column("secret", Text()),
        Column("events", JSON(), nullable=False),
        Column("form", Text(), nullable=False),
        Column("pauses", JSON()),
        Column("disabled", Text()),
        Column("called", Double()),
        Column("created", Double(), nullable=False),
        PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_account_created", "webhooks", ["account", "created"])
    op.create_index("ix_webhooks_job_id", "webhooks", ["job_id"])


def make_outbox() -> None:
    op.create_table(
        "outbox",
        Column("id", Text(), nullable=False),
        Column("account", Text(), nullable=False),
        Column("kind", Text(), nullable=False),
        Column("target", Text(), nullable=False),
        Column("lane", Text(), nullable=False),
        Column("job_id", Text()),
        Column("event", Text(), nullable=False),
        Column("data", JSON(), nullable=False),
        Column("state", Text(), nullable=False),
        Column("attempts", Integer(), nullable=False),
        Column("holder", Text()),
        Column("next_try", Double()),
        Column("status", Integer()),
        Column("sentence", Text()),
        Column("created", Double(), nullable=False),
        Column("ended", Double()),
        PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_ended", "outbox", ["ended"])
    op.create_index("ix_outbox_holder", "outbox", ["holder"])
    op.create_index("ix_outbox_state_next_try", "outbox", ["state", "next_try"])
    op.create_index("ix_outbox_target_created_id", "outbox", ["target", "created", "id"])


def make_deliveries() -> None:
    op.create_table(
        "deliveries",
        Column("id", Integer(), nullable=False),
        Column("message_id", Text(), nullable=False),
        Column("at", Double(), nullable=False),
        Column("status", Integer()),
        Column("sentence", Text()),
        ForeignKeyConstraint(["message_id"], ["outbox.id"], name="fk_deliveries_message_id", ondelete="CASCADE"),
        PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_message_id", "deliveries", ["message_id"])


def make_connectors() -> None:
    op.create_table(
        "connectors",
        Column("id", Text(), nullable=False),
        Column("account", Text(), nullable=False),
        Column("service", Text(), nullable=False),
        Column("settings", JSON(), nullable=False),
        Column("secrets", Text(), nullable=False),
        Column("folder", Text(), nullable=False),
        Column("naming", Text(), nullable=False),
        Column("auto_upload", Boolean(), nullable=False),
        Column("created", Double(), nullable=False),
        PrimaryKeyConstraint("id", name="pk_connectors"),
    )
    op.create_index("ix_connectors_account_created", "connectors", ["account", "created"])
