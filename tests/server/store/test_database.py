"""The database: its tables are those that the code speaks of, its writers wait for each other, its file is private."""

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text, update

from server.errors import DatabaseLost, StorageFailed
from server.store.database import Database
from server.store.migrate import migrate
from server.store.tables import images, metadata

ROW = {
    "number": 0,
    "account": "a",
    "blob": "b",
    "encoding": {},
    "width": 0,
    "height": 1,
    "rendered_width": 1,
    "rendered_height": 1,
    "created": 0.0,
    "expires": 1.0,
}


def test_the_migrations_end_in_exactly_the_tables_that_the_code_speaks_of(database: Database) -> None:
    with database.look() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_servers_that_start_at_once_migrate_once(empty: Database) -> None:
    others = [Database(empty.url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate, others))
    for other in others:
        other.close()
    with empty.look() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_no_write_of_many_at_once_is_lost(database: Database) -> None:
    """Half of them through another door to the same database, as another process would."""
    other = Database(database.url)
    with database.begin() as connection:
        connection.execute(insert(images), ROW | {"id": "i"})

    def add_one(door: Database) -> None:
        with door.begin() as connection:
            width = connection.execute(select(images.c.width).with_for_update()).scalar_one()
            connection.execute(update(images).values(width=width + 1))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add_one, [database, other] * 40))
    other.close()
    with database.look() as connection:
        assert connection.execute(select(images.c.width)).scalar_one() == 80


def test_only_what_can_be_found_out_again_does_not_wait_for_the_disk(database: Database) -> None:
    """One after the other on the same connection, so that neither may leave its way to the next."""
    said = "PRAGMA synchronous" if database.is_sqlite else "SHOW synchronous_commit"
    surely, lightly = (2, 1) if database.is_sqlite else ("on", "off")
    as_usual = {} if database.is_sqlite else {"options": "-c synchronous_commit=on"}  # the tests' server has it off
    door = Database(database.url.update_query_dict(as_usual))
    for begin, expected in [(door.begin, surely), (door.begin_lightly, lightly), (door.begin, surely)]:
        with begin() as connection:
            assert connection.execute(text(said)).scalar_one() == expected
    door.close()


def test_a_step_that_raises_leaves_nothing_behind(database: Database) -> None:
    def fail() -> None:
        with database.begin() as connection:
            connection.execute(insert(images), ROW | {"id": "i"})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.look() as connection:
        assert connection.execute(select(images)).all() == []


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(insert(images), ROW | {"id": "i"})
        seen: list[int] = []

        def look() -> None:
            with database.look() as reader:
                seen.append(len(reader.execute(select(images)).all()))

        reading = threading.Thread(target=look)
        reading.start()
        reading.join(10)
    assert seen == [0]


def test_sqlite_s_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'data' / 'darkroom.db'}")
    migrate(database)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "data").iterdir()}
    database.close()
    assert set(modes.values()) == {0o600}, modes


def test_a_full_database_is_a_storage_error_and_takes_more_once_there_is_room(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'darkroom.db'}")
    migrate(database)

    def fill(most_pages: int) -> None:
        with database.begin() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {most_pages}")
            connection.execute(insert(images), ROW | {"id": "i", "blob": "b" * 1_000_000})

    with pytest.raises(StorageFailed):
        fill(50)
    fill(1_000_000)
    database.close()


def test_a_database_that_does_not_answer_is_told_without_its_address() -> None:
    database = Database("postgresql+psycopg://somebody:secret@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseLost) as told:
        migrate(database)
    assert "secret" not in told.value.sentence
