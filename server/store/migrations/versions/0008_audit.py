"""Who did what, in rows that the database itself keeps."""

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, Double, Integer, PrimaryKeyConstraint, Text

revision = "0008"
down_revision = "0007"

ONLY_GROWS = "the audit log only grows"
ON_SQLITE = """
CREATE TRIGGER audit_{event} BEFORE {event} ON audit
BEGIN
    SELECT RAISE(ABORT, '{why}');
END
"""
FUNCTION = """
CREATE OR REPLACE FUNCTION audit_only_grows() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION '{why}';
END
$$ LANGUAGE plpgsql
"""
ON_POSTGRESQL = """
CREATE TRIGGER audit_{event} BEFORE {event} ON audit FOR EACH {each} EXECUTE FUNCTION audit_only_grows()
"""


def upgrade() -> None:
    op.create_table(
        "audit",
        Column("id", BigInteger().with_variant(Integer(), "sqlite"), nullable=False),
        Column("at", Double(), nullable=False),
        Column("what", Text(), nullable=False),
        Column("account", Text()),
        Column("key", Text()),
        Column("address", Text()),
        Column("request", Text()),
        Column("subject", Text()),
        Column("detail", JSON(), nullable=False),
        PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_account_id", "audit", ["account", "id"])
    if op.get_bind().dialect.name == "sqlite":
        for event in ("update", "delete"):
            op.execute(ON_SQLITE.format(event=event, why=ONLY_GROWS))
    else:
        op.execute(FUNCTION.format(why=ONLY_GROWS))
        for event, each in (("update", "ROW"), ("delete", "ROW"), ("truncate", "STATEMENT")):
            op.execute(ON_POSTGRESQL.format(event=event, each=each))
