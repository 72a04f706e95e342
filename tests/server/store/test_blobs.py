"""Files of bytes: whole or absent, one a content, and never swept while somebody may be about to refer to them."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from server.store.blobs import FolderBlobs, read

NOW = time.time()


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


def files(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "blobs").glob("??/??/*"))


def test_bytes_come_back_under_the_name_that_is_their_hash(blobs: FolderBlobs) -> None:
    content = os.urandom(100_000)
    name = blobs.put(content)
    assert name == hashlib.sha256(content).hexdigest()
    assert read(blobs, name) == content


def test_the_same_bytes_are_kept_once(blobs: FolderBlobs, tmp_path: Path) -> None:
    assert blobs.put(b"x") == blobs.put(b"x")
    assert len(files(tmp_path)) == 1


def test_what_is_not_there_is_told(blobs: FolderBlobs) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.open("0" * 64)


def test_a_write_that_fails_leaves_no_file(blobs: FolderBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    (tmp_path / "blobs" / "2d" / "71").mkdir(parents=True)  # of b"x"
    with pytest.raises(OSError, match="no space"):
        blobs.put(b"x")
    assert files(tmp_path) == []


def test_only_the_old_are_named_and_parts_of_a_crash_are_removed(blobs: FolderBlobs, tmp_path: Path) -> None:
    old, _young = blobs.put(b"old"), blobs.put(b"young")
    part = files(tmp_path)[0].with_name("cut short.part")
    part.touch()
    for file in (part, tmp_path / "blobs" / old[:2] / old[2:4] / old):
        os.utime(file, (NOW - 100, NOW - 100))
    assert list(blobs.names(NOW - 50)) == [old]
    assert not part.exists()


def test_what_was_put_again_meanwhile_is_not_deleted(blobs: FolderBlobs, tmp_path: Path) -> None:
    name = blobs.put(b"x")
    os.utime(files(tmp_path)[0], (NOW - 100, NOW - 100))
    assert list(blobs.names(NOW - 50)) == [name]
    blobs.put(b"x")
    blobs.delete(name, NOW - 50)
    assert read(blobs, name) == b"x"
    os.utime(files(tmp_path)[0], (NOW - 100, NOW - 100))
    blobs.delete(name, NOW - 50)
    assert files(tmp_path) == []


def test_nothing_is_swept_while_somebody_keeps_it_and_nobody_keeps_what_is_being_swept(
    blobs: FolderBlobs, tmp_path: Path
) -> None:
    """By another door to the same folder, as another process would."""
    other = FolderBlobs(tmp_path / "blobs")
    with blobs.sweeping() as may:
        assert may
    assert not (tmp_path / "blobs").exists(), "where nothing was put there is nothing to lock"
    with blobs.kept(), other.kept(), other.sweeping() as may:
        assert not may
    with other.sweeping() as may:
        assert may
        with blobs.sweeping() as may_too:
            assert not may_too
