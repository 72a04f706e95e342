"""What is to be sent when a job has ended, where to, and how each attempt went."""

from sqlalchemy import JSON, Boolean, Column, Double, ForeignKey, Index, Integer, Table, Text

from server.store.tables.base import metadata

# job_id: the only job that it is for; otherwise it is for all of its account. secret: sealed; null where messages are
# signed with the account's own. form: who words the payload; events: in that form's words. pauses: between attempts,
# where it has its own. disabled: why nothing is sent there. called: when something was, last.
webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("job_id", Text, index=True),
    Column("url", Text, nullable=False),
    Column("secret", Text),
    Column("events", JSON, nullable=False),
    Column("form", Text, nullable=False),
    Column("pauses", JSON),
    Column("disabled", Text),
    Column("called", Double),
    Column("created", Double, nullable=False),
    Index(None, "account", "created"),
)

# target: the id of a webhook or connector, by kind. lane: who shares it is sent to a few at a time. data: the job as it
# ended, because its row may be gone before this is sent. next_try: also the end of a holder's lease; null once over.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("job_id", Text),
    Column("event", Text, nullable=False),
    Column("data", JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("holder", Text, index=True),
    Column("next_try", Double),
    Column("status", Integer),
    Column("sentence", Text),
    Column("created", Double, nullable=False),
    Column("ended", Double, index=True),
    Index(None, "state", "next_try"),
    Index(None, "target", "created", "id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message_id", Text, ForeignKey("outbox.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Double, nullable=False),
    Column("status", Integer),
    Column("sentence", Text),
)

# service: s3, sftp and so on; settings: how it is reached, as far as that is no secret; secrets: the rest, sealed.
connectors = Table(
    "connectors",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("secrets", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("naming", Text, nullable=False),
    Column("auto_upload", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Index(None, "account", "created"),
)
