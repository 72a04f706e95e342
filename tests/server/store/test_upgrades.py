"""Databases of every released version: brought to today's tables step by step, and served by today's server.

`released/` holds them as SQL, each under the name of the migration that made it: a file is added with a release, none
is ever changed. The first is for both kinds of database; later ones are SQLite's own dumps.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, func, inspect, select

from server.store import images, jobs
from server.store.database import Database
from server.store.migrate import migrate, revision_of, revisions
from server.store.tables import metadata
from tests.server.serving import served_from, until

RELEASED = Path(__file__).with_name("released")
OLD_PICTURE = b"a picture of an older version"
OLD_KEY = "dk_0123456789abcdef_" + "s" * 43
FOREVER = {"image_ttl_seconds": 9e9, "purge_seconds": 9e9}


def fill(database: Database, name: str) -> None:
    """An empty database with what was released under that name."""
    words = (RELEASED / name).read_text(encoding="utf-8")
    if database.is_sqlite:
        words = words.replace("DOUBLE PRECISION", "DOUBLE")  # as migrations spell it there
    with database.begin() as connection:
        for statement in words.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)


def is_as_today(database: Database) -> bool:
    with database.look() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, metadata) == [] and revision_of(connection) == revisions()[0]


def counted(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """How many rows each of these tables has."""
    count = select(func.count())
    return {name: connection.execute(count.select_from(metadata.tables[name])).scalar_one() for name in names}


def test_the_oldest_database_takes_every_step_and_is_readable_after_the_last(empty: Database) -> None:
    fill(empty, "0001.sql")
    for revision in reversed(revisions()):
        migrate(empty, revision)
        with empty.look() as connection:
            assert revision_of(connection) == revision
            assert connection.exec_driver_sql("SELECT count(*) FROM jobs").scalar_one() == 2
    assert is_as_today(empty)
    with empty.look() as connection:
        drawn, queued = jobs.get(connection, "job_drawn"), jobs.get(connection, "job_queued")
        assert drawn is not None
        assert queued is not None
        assert (drawn.state, [image.id for image in drawn.images]) == ("succeeded", ["image_drawn"])
        assert (queued.state, queued.place) == ("queued", 1)
        image = images.get(connection, "image_drawn", now=0)
        assert image is not None
        assert (image.seed, image.job_id, image.encoding.format) == (7, "job_drawn", "png")


def test_a_server_of_today_draws_what_the_oldest_one_owed(empty: Database, tmp_path: Path) -> None:
    """It brings the tables up to date by itself when it starts."""
    fill(empty, "0001.sql")
    with empty.look() as connection:
        blob = connection.exec_driver_sql("SELECT blob FROM images").scalar_one()
    place = tmp_path / "blobs" / blob[:2] / blob[2:4] / blob
    place.parent.mkdir(parents=True)
    place.write_bytes(OLD_PICTURE)
    url = empty.url.render_as_string(hide_password=False)
    with served_from(tmp_path, database_url=url, **FOREVER) as served:
        assert served.client.get("/darkroom/v1/images/image_drawn/file").content == OLD_PICTURE
        until(lambda: served.client.get("/darkroom/v1/jobs/job_queued").json()["state"] == "succeeded")
    assert is_as_today(empty)


def test_a_server_of_today_knows_what_one_before_the_audit_log_kept(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "darkroom.db")) as connection:
        connection.executescript((RELEASED / "0007.sql").read_text(encoding="utf-8"))
    with served_from(tmp_path, **FOREVER) as served:
        served.client.headers["Authorization"] = f"Bearer {OLD_KEY}"
        get = served.client.get
        assert get("/darkroom/v1/account").json()["name"] == "the web shop"
        [job] = get("/darkroom/v1/jobs").json()["jobs"]
        [image] = get("/darkroom/v1/images").json()["images"]
        assert (job["state"], image["job"], image["tags"]) == ("succeeded", job["id"], ["sea"])
        [collection] = get("/darkroom/v1/collections").json()["collections"]
        assert (collection["name"], collection["slug"] in image["collections"]) == ("My Landscapes", True)
        assert len(get("/darkroom/v1/webhooks").json()["webhooks"]) == 1
        assert get("/darkroom/v1/usage").json()["balance"] == -1  # what it drew


@pytest.mark.parametrize("name", sorted(file.name for file in RELEASED.iterdir() if file.name != "0001.sql"))
def test_every_released_database_ends_in_the_tables_of_today(name: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "darkroom.db")) as connection:
        connection.executescript((RELEASED / name).read_text(encoding="utf-8"))
    database = Database(f"sqlite:///{tmp_path / 'darkroom.db'}")
    with database.look() as connection:
        assert revision_of(connection) == name.removesuffix(".sql")
        names = set(inspect(connection).get_table_names()) & set(metadata.tables)
        before = counted(connection, names)
    migrate(database)
    with database.look() as connection:
        assert counted(connection, names) == before
    assert is_as_today(database)
    database.close()
