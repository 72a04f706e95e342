"""What images are sorted by (tags, collections), their small copies, and the presets of accounts."""

from sqlalchemy import JSON, Boolean, Column, Double, ForeignKey, Integer, Table, Text

from server.store.tables.base import metadata

image_tags = Table(
    "image_tags",
    metadata,
    Column("image_id", Text, ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", Text, primary_key=True, index=True),
)

# slug: unique among all accounts, because the open gallery has one address for each.
collections = Table(
    "collections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("slug", Text, nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("public", Boolean, nullable=False),
    Column("cover", Text, ForeignKey("images.id", ondelete="SET NULL"), index=True),
    Column("created", Double, nullable=False),
)

collected = Table(
    "collected",
    metadata,
    Column("collection_id", Text, ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("image_id", Text, ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, index=True),
)

# One row for each account that likes an image.
likes = Table(
    "likes",
    metadata,
    Column("image_id", Text, ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
    Column("account", Text, primary_key=True, index=True),
)

# blob: of the image's file; small: of its copy, no side of which is longer than `side`.
thumbnails = Table(
    "thumbnails",
    metadata,
    Column("blob", Text, primary_key=True),
    Column("side", Integer, primary_key=True, autoincrement=False),
    Column("small", Text, nullable=False, index=True),
)

# content: as server/prompts/presets.py reads it.
presets = Table(
    "presets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False, index=True),
    Column("content", JSON, nullable=False),
    Column("created", Double, nullable=False),
    Column("changed", Double, nullable=False),
)
