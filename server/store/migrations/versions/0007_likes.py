"""Who likes which image."""

from alembic import op
from sqlalchemy import Column, ForeignKeyConstraint, PrimaryKeyConstraint, Text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "likes",
        Column("image_id", Text(), nullable=False),
        Column("account", Text(), nullable=False),
        ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_likes_image_id", ondelete="CASCADE"),
        PrimaryKeyConstraint("image_id", "account", name="pk_likes"),
    )
    op.create_index("ix_likes_account", "likes", ["account"])
