"""Which request a job is of, so that one that is sent again does not draw twice."""

from sqlalchemy import Column, Double, Index, Integer, Table, Text, UniqueConstraint

from server.store.tables.base import metadata

# key: its Idempotency-Key, null for a client that has none but says how often it tried. tries: as it said. number:
# which of its request's jobs. left: since when nobody waits for the answer. A row outlives its job, and then tells that
# the answer is gone.
requests = Table(
    "requests",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("key", Text),
    Column("number", Integer, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("created", Double, nullable=False, index=True),
    Column("left", Double, index=True),
    UniqueConstraint("account", "key", "number"),
    Index(None, "account", "fingerprint"),
)
