"""Jobs and the images they drew."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Double, ForeignKey, Index, Integer, Table, Text

from server.store.tables.base import metadata

# task, facts: as pipelines.vocabulary writes them; pixels: the blob with the bytes that the task mentions, all in one,
# until the job has ended. api, said: its Origin. attempt: how often the job was claimed, which fences what a holder
# writes. deaths: of holders, while they were drawing it. deleted: since then nobody sees the row who does not ask for
# such. connector: to which its pictures are copied, beside those that take all.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("deadline", Double),
    Column("previews", Boolean, nullable=False),
    Column("model", Text),
    Column("task", Text, nullable=False),
    Column("pixels", Text, index=True),
    Column("encoding", JSON, nullable=False),
    Column("api", Text, nullable=False),
    Column("said", JSON, nullable=False),
    Column("connector", Text),
    Column("state", Text, nullable=False),
    Column("holder", Text, index=True),
    Column("lease_until", Double),
    Column("attempt", Integer, nullable=False, default=0),
    Column("deaths", Integer, nullable=False, default=0),
    Column("cancel_asked", Boolean, nullable=False, default=False),
    Column("step", Integer, nullable=False, default=0),
    Column("steps", Integer, nullable=False, default=0),
    Column("facts", Text),
    Column("error_code", Text),
    Column("error_sentence", Text),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("ended", Double, index=True),
    Column("deleted", Double, index=True),
    Index(None, "state", "priority", "created"),
    Index(None, "account", "created", "id"),
)

# number: which of its job's pictures it is. An image outlives its job where its own end is later.
images = Table(
    "images",
    metadata,
    Column("id", Text, primary_key=True),
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="SET NULL"), index=True),
    Column("number", Integer, nullable=False),
    Column("account", Text, nullable=False),
    Column("blob", Text, nullable=False, index=True),
    Column("encoding", JSON, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("rendered_width", Integer, nullable=False),
    Column("rendered_height", Integer, nullable=False),
    Column("seed", BigInteger),
    Column("model", Text),
    Column("link", Text, unique=True),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False, index=True),
    Column("deleted", Double, index=True),
    Index(None, "account", "created", "id"),
)
