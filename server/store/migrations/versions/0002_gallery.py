"""Images that say more of themselves and may stay; tags, collections, thumbnails, presets of accounts."""

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    false,
)

revision = "0002"
down_revision = "0001"

OF_IMAGES = "images.id"


def upgrade() -> None:
    say_more_of_images()
    make_tags()
    make_collections()
    make_thumbnails()
    make_presets()


def say_more_of_images() -> None:
    op.add_column("jobs", Column("caption", JSON()))
    for name in ("drawn_by", "asked", "preset", "preset_name", "parent", "alias"):
        op.add_column("images", Column(name, Text()))
    for name in ("kind", "prompt", "title", "description"):
        op.add_column("images", Column(name, Text(), nullable=False, server_default=""))
    for name in ("views", "downloads"):
        op.add_column("images", Column(name, BigInteger(), nullable=False, server_default="0"))
    op.add_column("images", Column("public", Boolean(), nullable=False, server_default=false()))
    op.add_column("images", Column("variables", JSON()))
    op.add_column("images", Column("size", BigInteger()))
    op.add_column("images", Column("seconds", Double()))
    op.create_index("ix_images_account_alias", "images", ["account", "alias"], unique=True)
    op.create_index("ix_images_public_created_id", "images", ["public", "created", "id"])
    op.execute("UPDATE images SET drawn_by = job_id")


def make_tags() -> None:
    op.create_table(
        "image_tags",
        Column("image_id", Text(), nullable=False),
        Column("tag", Text(), nullable=False),
        ForeignKeyConstraint(["image_id"], [OF_IMAGES], name="fk_image_tags_image_id", ondelete="CASCADE"),
        PrimaryKeyConstraint("image_id", "tag", name="pk_image_tags"),
    )
    op.create_index("ix_image_tags_tag", "image_tags", ["tag"])


def make_collections() -> None:
    op.create_table(
        "collections",
        Column("id", Text(), nullable=False),
        Column("account", Text(), nullable=False),
        Column("name", Text(), nullable=False),
        Column("slug", Text(), nullable=False),
        Column("description", Text(), nullable=False),
        Column("public", Boolean(), nullable=False),
        Column("cover", Text()),
        Column("created", Double(), nullable=False),
        ForeignKeyConstraint(["cover"], [OF_IMAGES], name="fk_collections_cover", ondelete="SET NULL"),
        PrimaryKeyConstraint("id", name="pk_collections"),
        UniqueConstraint("slug", name="uq_collections_slug"),
    )
    op.create_index("ix_collections_account", "collections", ["account"])
    op.create_index("ix_collections_cover", "collections", ["cover"])
    of_collections = ForeignKeyConstraint(
        ["collection_id"], ["collections.id"], name="fk_collected_collection_id", ondelete="CASCADE"
    )
    op.create_table(
        "collected",
        Column("collection_id", Text(), nullable=False),
        Column("image_id", Text(), nullable=False),
        of_collections,
        ForeignKeyConstraint(["image_id"], [OF_IMAGES], name="fk_collected_image_id", ondelete="CASCADE"),
        PrimaryKeyConstraint("collection_id", "image_id", name="pk_collected"),
    )
    op.create_index("ix_collected_image_id", "collected", ["image_id"])


def make_thumbnails() -> None:
    op.create_table(
        "thumbnails",
        Column("blob", Text(), nullable=False),
        Column("side", Integer(), nullable=False),
        Column("small", Text(), nullable=False),
        PrimaryKeyConstraint("blob", "side", name="pk_thumbnails"),
    )
    op.create_index("ix_thumbnails_small", "thumbnails", ["small"])


def make_presets() -> None:
    op.create_table(
        "presets",
        Column("id", Text(), nullable=False),
        Column("account", Text(), nullable=False),
        Column("content", JSON(), nullable=False),
        Column("created", Double(), nullable=False),
        Column("changed", Double(), nullable=False),
        PrimaryKeyConstraint("id", name="pk_presets"),
    )
    op.create_index("ix_presets_account", "presets", ["account"])
