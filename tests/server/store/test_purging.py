"""`darkroom purge` removes what has had its time and nothing else; `--dry-run` says the same and removes nothing."""

import os
import time
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from server.cli import app
from server.store.blobs import FolderBlobs
from server.store.database import Database
from server.store.tables import images, jobs
from tests.server.serving import served_from

JOBS = "/darkroom/v1/jobs"
STAR = {"task": "text_to_image", "prompt": "a red star", "steps": 2}
KEPT = {"image_ttl_seconds": 9e8, "purge_seconds": 0}


@pytest.fixture
def over(empty: Database, tmp_path: Path) -> str:
    """Two jobs with an image each, the first of which is over; an orphan that is old, and a young one. The other."""
    url = empty.url.render_as_string(hide_password=False)
    with served_from(tmp_path, database_url=url, **KEPT) as served:
        drawn = [
            served.client.post(JOBS, json=STAR, headers={"Prefer": "wait=20"}).raise_for_status().json()["id"]
            for _ in range(2)
        ]
    blobs = FolderBlobs(tmp_path / "blobs")
    blobs.put(b"an orphan")
    for file in (tmp_path / "blobs").glob("??/??/*"):
        os.utime(file, (0, 0))
    blobs.put(b"an orphan that somebody may be about to name")
    with empty.begin() as connection:
        connection.execute(update(jobs).where(jobs.c.id == drawn[0]).values(deleted=time.time() - 5))
        connection.execute(update(images).where(images.c.job_id == drawn[0]).values(expires=time.time() - 5))
    return str(drawn[1])


def purge(empty: Database, data: Path, *words: str) -> str:
    url = empty.url.render_as_string(hide_password=False)
    settings = {f"DARKROOM_{name.upper()}": str(value) for name, value in KEPT.items()}
    variables = {"DARKROOM_DATA": str(data), "DARKROOM_DATABASE_URL": url, "COLUMNS": "200"} | settings
    result = CliRunner().invoke(app, ["purge", *words], env=variables)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_what_is_over_goes_and_what_is_not_stays(empty: Database, over: str, tmp_path: Path) -> None:
    files = sorted((tmp_path / "blobs").glob("??/??/*"))
    said = purge(empty, tmp_path, "--dry-run")
    assert said.startswith("Would remove 1 jobs, 1 images and 2 files")
    assert sorted((tmp_path / "blobs").glob("??/??/*")) == files
    assert purge(empty, tmp_path) == said.replace("Would remove", "Removed")
    assert len(files) - len(list((tmp_path / "blobs").glob("??/??/*"))) == 2
    assert purge(empty, tmp_path).startswith("Removed 0 jobs, 0 images and 0 files")
    with served_from(tmp_path, database_url=empty.url.render_as_string(hide_password=False), **KEPT) as served:
        [job] = served.client.get(JOBS).json()["jobs"]
        [image] = served.client.get("/darkroom/v1/images").json()["images"]
        assert (job["id"], image["job"]) == (over, over)
        assert served.client.get(image["file"]).status_code == 200
        told = served.client.get("/darkroom/v1/audit?what=purged").json()["entries"]
        assert told[-1]["detail"] == {"jobs": 1, "images": 1}


def test_files_stay_while_a_backup_runs(empty: Database, over: str, tmp_path: Path) -> None:
    files = sorted((tmp_path / "blobs").glob("??/??/*"))
    with FolderBlobs(tmp_path / "blobs").kept():
        assert "because a backup runs" in purge(empty, tmp_path)
    assert sorted((tmp_path / "blobs").glob("??/??/*")) == files
