"""A backup made while a server draws is a server, elsewhere; one that is not whole is refused and leaves nothing."""

import asyncio
import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from server.backups.making import make_backup
from server.cli import app
from server.store.database import Database
from tests.server.serving import Served, served_from, until

JOBS = "/darkroom/v1/jobs"
STAR = {"task": "text_to_image", "prompt": "a red star", "steps": 2}
Members = dict[str, bytes]


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of another database, which is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'restored' / 'darkroom.db'}"
    url = str(request.getfixturevalue("postgres_url"))
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS elsewhere"))
        connection.execute(text("CREATE DATABASE elsewhere"))
    engine.dispose()
    return url.replace("/postgres?", "/elsewhere?")


def darkroom(*words: object, data: Path, url: str | None = None) -> Result:
    variables = {"DARKROOM_DATA": str(data), "DARKROOM_DATABASE_URL": url}
    return CliRunner().invoke(app, [str(word) for word in words], env=variables)


def draw(served: Served) -> str:
    answer = served.client.post(JOBS, json=STAR, headers={"Prefer": "wait=20"}).raise_for_status().json()
    assert answer["state"] == "succeeded", answer
    return str(answer["id"])


def files_of(served: Served) -> dict[str, bytes]:
    """The bytes of every image, by id."""
    listed = served.client.get("/darkroom/v1/images?limit=100").raise_for_status().json()["images"]
    return {image["id"]: served.client.get(image["file"]).raise_for_status().content for image in listed}


@contextmanager
def drawing(served: Served) -> Iterator[list[str]]:
    """A client draws all the while; the jobs that it got pictures of."""
    done: list[str] = []
    enough = threading.Event()

    def go_on() -> None:
        while not enough.is_set():
            done.append(draw(served))

    with ThreadPoolExecutor(1) as clients:
        client = clients.submit(go_on)
        try:
            yield done
        finally:
            enough.set()
    client.result()


def test_a_backup_while_a_server_draws_is_that_server_elsewhere(
    empty: Database, elsewhere: str, tmp_path: Path
) -> None:
    url, file, restored = empty.url.render_as_string(hide_password=False), tmp_path / "kept.tar", tmp_path / "restored"
    with served_from(tmp_path, database_url=url) as served:
        with drawing(served) as done:
            until(lambda: len(done) >= 2)
            before = list(done)
            made = darkroom("backup", file, data=tmp_path, url=url)
            assert made.exit_code == 0, made.output
            until(lambda: len(done) >= len(before) + 2)
        drawn = files_of(served)
    put = darkroom("restore", file, data=restored, url=elsewhere)
    assert put.exit_code == 0, put.output
    with served_from(restored, database_url=elsewhere) as served:

        def all_ended() -> bool:
            jobs = served.client.get(f"{JOBS}?limit=100").raise_for_status().json()["jobs"]
            return {job["state"] for job in jobs} == {"succeeded"}

        until(all_ended)
        assert {served.client.get(f"{JOBS}/{job}").status_code for job in before} == {200}
        found = files_of(served)
        assert len(found) >= len(before)
        assert all(drawn.get(image, content) == content for image, content in found.items())
        draw(served)  # and rows that are numbered by the database go on where they stopped


def test_what_is_purged_while_a_backup_runs_is_in_it_all_the_same(empty: Database, tmp_path: Path) -> None:
    """Its rows are gone and its file is old, and the sweep comes in the middle of the copying."""
    url, file = empty.url.render_as_string(hide_password=False), tmp_path / "kept.tar"
    with served_from(tmp_path, database_url=url) as served:
        for _ in range(3):
            draw(served)
        drawn = files_of(served)

        def purge(done: int, _total: int) -> None:
            if done == 1:
                for image in drawn:
                    served.client.delete(f"/darkroom/v1/images/{image}?for_good=true").raise_for_status()
                for blob in (tmp_path / "blobs").glob("??/??/*"):
                    os.utime(blob, (0, 0))
                asyncio.run(served.app.state.parts.images.sweep())

        made = make_backup(empty, tmp_path, file, purge)
        assert (made.files, made.lost) == (len(set(drawn.values())), 0)
        assert list((tmp_path / "blobs").glob("??/??/*")), "what a backup keeps is swept once it has ended"
        asyncio.run(served.app.state.parts.images.sweep())
        assert not list((tmp_path / "blobs").glob("??/??/*"))
    put = darkroom("restore", file, data=tmp_path / "restored")
    assert put.exit_code == 0, put.output
    with served_from(tmp_path / "restored") as served:
        assert files_of(served) == drawn


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a server that has drawn a picture, opened a link and sealed a secret."""
    folder = tmp_path_factory.mktemp("kept")
    with served_from(folder) as served:
        draw(served)
        hook = {"url": "http://127.0.0.1:9/hook"}
        served.client.post("/darkroom/v1/webhooks", json=hook).raise_for_status()
    (folder / "prompts").mkdir()
    (folder / "prompts" / "styles.yaml").write_text("{}\n")
    made = darkroom("backup", folder / "kept.tar", data=folder)
    assert made.exit_code == 0, made.output
    return folder / "kept.tar"


def read(file: Path) -> Members:
    with tarfile.open(file) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def write(file: Path, members: Members) -> None:
    with tarfile.open(file, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_a_backup_is_for_its_owner_alone_and_holds_what_a_server_needs(whole: Path, tmp_path: Path) -> None:
    assert whole.stat().st_mode & 0o077 == 0
    assert {"darkroom.db", "secret.key", "prompts/styles.yaml"} < read(whole).keys()
    assert darkroom("restore", whole, data=tmp_path / "restored").exit_code == 0
    here = {file.name for file in (tmp_path / "restored").iterdir()}
    assert here >= {"darkroom.db", "secret.key", "prompts", "blobs"}
    assert not [file for file in (tmp_path / "restored").rglob("*") if file.stat().st_mode & 0o077]


def flipped(name: str) -> Callable[[Path, Path], None]:
    """One bit in the middle of that member."""

    def flip(whole: Path, bad: Path) -> None:
        content = bytearray(whole.read_bytes())
        with tarfile.open(whole) as archive:
            [member] = [member for member in archive if member.name.startswith(name)]
        content[member.offset_data + member.size // 2] ^= 1
        bad.write_bytes(content)

    return flip


def cut(whole: Path, bad: Path) -> None:
    content = whole.read_bytes()
    bad.write_bytes(content[: len(content) // 2])


def cut_between_members(whole: Path, bad: Path) -> None:
    with tarfile.open(whole) as archive:
        last = archive.getmembers()[-1]
    bad.write_bytes(whole.read_bytes()[: last.offset])


def without(name: str) -> Callable[[Path, Path], None]:
    def leave_out(whole: Path, bad: Path) -> None:
        write(bad, {member: content for member, content in read(whole).items() if not member.startswith(name)})

    return leave_out


def with_another(name: str) -> Callable[[Path, Path], None]:
    def add(whole: Path, bad: Path) -> None:
        write(bad, {name: b"mine"} | read(whole))

    return add


def with_manifest(**changes: object) -> Callable[[Path, Path], None]:
    def change(whole: Path, bad: Path) -> None:
        members = read(whole)
        [name] = [member for member in members if member.startswith("manifest")]
        manifest = json.dumps(json.loads(members.pop(name)) | changes).encode()
        write(bad, members | {f"manifest-{hashlib.sha256(manifest).hexdigest()}.json": manifest})

    return change


def a_link(whole: Path, bad: Path) -> None:
    bad.write_bytes(whole.read_bytes())
    with tarfile.open(bad, "a") as archive:
        member = tarfile.TarInfo("link.key")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(member)


def a_hole(whole: Path, bad: Path) -> None:
    """Sparse, as GNU tar spells it in pax headers."""
    bad.write_bytes(whole.read_bytes())
    with tarfile.open(bad, "a", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("blobs/" + "0" * 64)
        member.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(2**60)}
        archive.addfile(member)


def twice(whole: Path, bad: Path) -> None:
    bad.write_bytes(whole.read_bytes())
    with tarfile.open(whole) as archive, tarfile.open(bad, "a") as more:
        member = next(each for each in archive if each.name == "darkroom.db")
        more.addfile(member, archive.extractfile(member))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        pytest.param(flipped("darkroom.db"), "damaged", id="a flipped bit of the database"),
        pytest.param(flipped("blobs/"), "damaged", id="a flipped bit of a picture"),
        pytest.param(flipped("manifest"), "manifest was damaged", id="a flipped bit of the manifest"),
        pytest.param(cut, "cut short", id="half of it"),
        pytest.param(cut_between_members, "cut short", id="all but the manifest"),
        pytest.param(lambda _whole, bad: bad.write_bytes(b""), "cut short", id="nothing"),
        pytest.param(lambda _whole, bad: bad.write_bytes(b"x" * 99_999), "never a backup", id="something else"),
        pytest.param(without("blobs/"), "is missing", id="without its picture"),
        pytest.param(without("darkroom.db"), "is missing", id="without its database"),
        pytest.param(without("manifest"), "manifest is missing", id="without its manifest"),
        pytest.param(with_another("../outside"), "path", id="a path that leads up"),
        pytest.param(with_another("/tmp/outside"), "path", id="a path from the root"),  # noqa: S108
        pytest.param(with_another("prompts/../../outside"), "path", id="a path that leads up later"),
        pytest.param(with_another("holders/outside"), "path", id="a path of the server's own"),
        pytest.param(with_another("blobs/" + "0" * 64), "not as its manifest says", id="a file that nobody named"),
        pytest.param(a_link, "path", id="a link"),
        pytest.param(a_hole, "path", id="a file that says it is larger than any disk"),
        pytest.param(twice, "in it twice", id="a file that is there twice"),
        pytest.param(with_manifest(tables="9999"), "later version", id="of a later version"),
        pytest.param(with_manifest(format=2), "none that this version reads", id="of another form"),
    ],
)
def test_a_backup_that_is_not_whole_is_refused_and_leaves_nothing(
    spoil: Callable[[Path, Path], None], why: str, whole: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.tar"
    spoil(whole, bad)
    refused = darkroom("restore", bad, data=tmp_path / "deep" / "restored")
    assert refused.exit_code == 2, refused.output
    assert why in refused.stderr
    assert "Traceback" not in refused.output
    assert [file.name for file in tmp_path.iterdir()] == ["bad.tar"]


def test_a_disk_that_is_full_leaves_everything_as_it_was(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of the last step, when the old files have made room for the new ones already."""
    data = tmp_path / "data"
    assert darkroom("restore", whole, data=data).exit_code == 0
    before = {file.relative_to(data): file.read_bytes() for file in data.rglob("*") if file.is_file()}
    move, moved = __import__("shutil").move, []

    def refuse_the_fifth(old: Path, new: Path) -> None:
        moved.append(new)
        if len(moved) == 5:
            raise OSError("no space left on device")
        move(old, new)

    monkeypatch.setattr("server.backups.restoring.shutil.move", refuse_the_fifth)
    refused = darkroom("restore", "--replace", whole, data=data)
    assert refused.exit_code == 2, refused.output
    assert {file.relative_to(data): file.read_bytes() for file in data.rglob("*") if file.is_file()} == before


def test_what_is_in_use_is_not_written_over_unless_that_is_said(whole: Path, empty: Database, tmp_path: Path) -> None:
    data, url = tmp_path / "data", empty.url.render_as_string(hide_password=False)
    data.mkdir()
    with served_from(data, database_url=url) as served:
        drawn = [draw(served) for _ in range(2)]
        refused = darkroom("restore", "--replace", whole, data=data, url=url)
        assert (refused.exit_code, "stop it first" in refused.stderr) == (2, True), refused.output
    refused = darkroom("restore", whole, data=data, url=url)
    assert (refused.exit_code, "in use" in refused.stderr) == (2, True), refused.output
    with served_from(data, database_url=url) as served:
        assert {served.client.get(f"{JOBS}/{job}").status_code for job in drawn} == {200}
    put = darkroom("restore", "--replace", whole, data=data, url=url)
    assert put.exit_code == 0, put.output
    with served_from(data, database_url=url) as served:
        assert {served.client.get(f"{JOBS}/{job}").status_code for job in drawn} == {404}
        assert len(files_of(served)) == 1


def test_a_file_that_is_there_is_not_written_over(whole: Path, tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "kept.tar"
    assert darkroom("restore", whole, data=data).exit_code == 0
    file.write_text("mine")
    refused = darkroom("backup", file, data=data)
    assert (refused.exit_code, file.read_text()) == (2, "mine"), refused.output
    assert darkroom("backup", tmp_path, data=data).exit_code == 0
    assert len(list(tmp_path.glob("darkroom-*.tar"))) == 1


def test_where_there_is_no_server_there_is_nothing_to_keep(tmp_path: Path) -> None:
    refused = darkroom("backup", tmp_path / "kept.tar", data=tmp_path / "none")
    assert (refused.exit_code, "no database" in refused.stderr) == (2, True), refused.output
    assert not list(tmp_path.iterdir())
