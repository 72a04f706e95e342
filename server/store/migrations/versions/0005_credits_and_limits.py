"""The ledger of credits, quotas, and counts of requests."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Text, UniqueConstraint, text

revision = "0005"
down_revision = "0004"

HAS_ENDED = text("kind IN ('settle', 'release')")


def upgrade() -> None:
    make_ledger()
    op.create_table(
        "quotas",
        Column("account", Text(), nullable=False),
        Column("amount", BigInteger(), nullable=False),
        PrimaryKeyConstraint("account", name="pk_quotas"),
    )
    op.create_table(
        "counts",
        Column("subject", Text(), nullable=False),
        Column("seconds", Integer(), nullable=False),
        Column("start", BigInteger(), nullable=False),
        Column("count", BigInteger(), nullable=False),
        Column("most", BigInteger(), nullable=False),
        PrimaryKeyConstraint("subject", "seconds", name="pk_counts"),
    )


def make_ledger() -> None:
    op.create_table(
        "ledger",
        Column("id", BigInteger().with_variant(Integer(), "sqlite"), nullable=False),
        Column("account", Text(), nullable=False),
        Column("job_id", Text()),
        Column("kind", Text(), nullable=False),
        Column("amount", BigInteger(), nullable=False),
        Column("model", Text()),
        Column("pictures", Integer(), nullable=False),
        Column("day", Text(), nullable=False),
        PrimaryKeyConstraint("id", name="pk_ledger"),
        UniqueConstraint("job_id", "kind", name="uq_ledger_job_id_kind"),
    )
    op.create_index(
        "ix_ledger_end", "ledger", ["job_id"], unique=True, sqlite_where=HAS_ENDED, postgresql_where=HAS_ENDED
    )
    op.create_index("ix_ledger_account_day", "ledger", ["account", "day"])
    op.create_index("ix_ledger_account_kind_amount", "ledger", ["account", "kind", "amount"])
