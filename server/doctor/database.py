"""Whether the database answers, and whether its tables are of this version."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from server.doctor.findings import Finding, hint, problem, well
from server.errors import DatabaseLost
from server.settings import Settings
from server.store.database import Database
from server.store.migrate import revisions

SCHEMA = "SELECT version_num FROM alembic_version"


def look(settings: Settings) -> Iterator[Finding]:
    url = make_url(settings.database)
    is_file = url.get_backend_name() == "sqlite"
    if is_file and not Path(url.database or "").exists():
        yield well("database", "SQLite; it will be made at the first start")
        return
    try:
        found = _of_file(Path(url.database or "")) if is_file else _of_server(settings.database)
    except (DatabaseLost, DBAPIError, sqlite3.Error):
        remedy = "See that it runs, that its file is yours to read, and what DARKROOM_DATABASE_URL says."
        yield problem("database", "It does not answer, or is none of Darkroom's.", remedy)
        return
    yield _judged(found, "SQLite" if is_file else "PostgreSQL")


def _judged(found: str | None, kind: str) -> Finding:
    steps = revisions()
    if found == steps[0]:
        return well("database", f"{kind}, schema {found}, which is this version's")
    if found is None or found in steps:
        said = f"{kind}, schema {found or 'none yet'}: this version's is {steps[0]}."
        return hint("database", said, "The next start brings it there; keep a backup before an upgrade.")
    remedy = "Start the version that made it, or take another database."
    return problem("database", f"{kind}, schema {found}, which only a later version of Darkroom knows.", remedy)


def _of_file(file: Path) -> str | None:
    """Read alone: the server's own way in would write."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return None
        row = connection.execute(SCHEMA).fetchone()
        return str(row[0]) if row else None


def _of_server(url: str) -> str | None:
    database = Database(url)
    try:
        with database.look() as connection:
            if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
                return None
            return connection.execute(text(SCHEMA)).scalar()
    finally:
        database.close()
