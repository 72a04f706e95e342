"""What accounts were granted and what jobs cost; how many requests came in a window of time."""

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint, text

from server.store.tables.base import metadata

HAS_ENDED = text("kind IN ('settle', 'release')")

# Rows are added and never changed. kind: grant, of the operator; reserve, settle and release, of a job. amount: what it
# adds to the account, in thousandths of a credit. model, pictures: of the job, whose own row does not stay. day: of the
# grant or of the job's acceptance, such as 2026-11-21, in UTC.
ledger = Table(
    "ledger",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("account", Text, nullable=False),
    Column("job_id", Text),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("model", Text),
    Column("pictures", Integer, nullable=False, default=0),
    Column("day", Text, nullable=False),
    UniqueConstraint("job_id", "kind"),
    # A job is either settled or released, once: no care is needed where the database itself refuses.
    Index("ix_ledger_end", "job_id", unique=True, sqlite_where=HAS_ENDED, postgresql_where=HAS_ENDED),
    Index(None, "account", "day"),
    Index(None, "account", "kind", "amount"),  # so that a balance is read from the index alone
)

# What an account may spend beyond what it was granted, in thousandths of a credit; without a row, anything.
quotas = Table(
    "quotas",
    metadata,
    Column("account", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
)

# One row for whatever is counted and each length of a window: the window that it is about, when that began, how many
# came in it, and how many may. Those of windows that are over are written over.
counts = Table(
    "counts",
    metadata,
    Column("subject", Text, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("most", BigInteger, nullable=False),
    PrimaryKeyConstraint("subject", "seconds"),
)
