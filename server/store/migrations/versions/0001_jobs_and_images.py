"""Jobs and images, which lived in memory before."""

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
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    make_jobs()
    make_images()


def make_jobs() -> None:
    op.create_table(
        "jobs",
        Column("id", Text(), nullable=False),
        Column("account", Text(), nullable=False),
        Column("priority", Integer(), nullable=False),
        Column("deadline", Double()),
        Column("previews", Boolean(), nullable=False),
        Column("model", Text()),
        Column("task", Text(), nullable=False),
        Column("pixels", Text()),
        Column("encoding", JSON(), nullable=False),
        Column("api", Text(), nullable=False),
        Column("said", JSON(), nullable=False),
        Column("state", Text(), nullable=False),
        Column("holder", Text()),
        Column("lease_until", Double()),
        Column("attempt", Integer(), nullable=False),
        Column("deaths", Integer(), nullable=False),
        Column("cancel_asked", Boolean(), nullable=False),
        Column("step", Integer(), nullable=False),
        Column("steps", Integer(), nullable=False),
        Column("facts", Text()),
        Column("error_code", Text()),
        Column("error_sentence", Text()),
        Column("created", Double(), nullable=False),
        Column("started", Double()),
        Column("ended", Double()),
        Column("deleted", Double()),
        PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index("ix_jobs_account_created_id", "jobs", ["account", "created", "id"])
    op.create_index("ix_jobs_deleted", "jobs", ["deleted"])
    op.create_index("ix_jobs_ended", "jobs", ["ended"])
    op.create_index("ix_jobs_holder", "jobs", ["holder"])
    op.create_index("ix_jobs_pixels", "jobs", ["pixels"])
    op.create_index("ix_jobs_state_priority_created", "jobs", ["state", "priority", "created"])


def make_images() -> None:
    op.create_table(
        "images",
        Column("id", Text(), nullable=False),
        Column("job_id", Text()),
        Column("number", Integer(), nullable=False),
        Column("account", Text(), nullable=False),
        Column("blob", Text(), nullable=False),
        Column("encoding", JSON(), nullable=False),
        Column("width", Integer(), nullable=False),
        Column("height", Integer(), nullable=False),
        Column("rendered_width", Integer(), nullable=False),
        Column("rendered_height", Integer(), nullable=False),
        Column("seed", BigInteger()),
        Column("model", Text()),
        Column("link", Text()),
        Column("created", Double(), nullable=False),
        Column("expires", Double(), nullable=False),
        Column("deleted", Double()),
        ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_images_job_id", ondelete="SET NULL"),
        PrimaryKeyConstraint("id", name="pk_images"),
        UniqueConstraint("link", name="uq_images_link"),
    )
    op.create_index("ix_images_account_created_id", "images", ["account", "created", "id"])
    op.create_index("ix_images_blob", "images", ["blob"])
    op.create_index("ix_images_deleted", "images", ["deleted"])
    op.create_index("ix_images_expires", "images", ["expires"])
    op.create_index("ix_images_job_id", "images", ["job_id"])
