"""Bytes on disk under the name that is their SHA-256: written whole or not at all, and kept over a power cut."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

PART = ".part"  # what a file is called until it is whole
SWEEP_LOCK = "sweep.lock"


class Blobs(Protocol):
    """Where bytes are kept. Everything blocks; the names are SHA-256 in hex. Raises OSError where a disk refuses."""

    def put(self, content: bytes) -> str:
        """The name of the bytes, once they are sure to stay. Whoever puts them has time to write the name down."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Raises FileNotFoundError."""
        ...

    def delete(self, name: str, before: float) -> None:
        """Unless somebody put the same bytes since then."""
        ...

    def names(self, before: float) -> Iterator[str]:
        """Of all that nobody has put since then; what was begun before then and never became whole is removed."""
        ...

    def sweeping(self) -> AbstractContextManager[bool]:
        """Whether anything may be deleted meanwhile: not while somebody keeps all of it."""
        ...

    def kept(self) -> AbstractContextManager[None]:
        """Meanwhile nothing is swept, by this process or another. Waits for a sweep that has begun."""
        ...


class FolderBlobs:
    """See `Blobs`: two levels of folders, so that none holds too many files. Several processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest()
        file = self._file(name)
        _make_folder(file.parent)
        descriptor, part = tempfile.mkstemp(suffix=PART, dir=file.parent)
        try:
            with os.fdopen(descriptor, "wb") as whole:
                whole.write(content)
                whole.flush()
                os.fsync(whole.fileno())
            with self._locked():
                os.replace(part, file)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(part)
            raise
        _sync(file.parent)
        return name

    def open(self, name: str) -> BinaryIO:
        return self._file(name).open("rb")

    def delete(self, name: str, before: float) -> None:
        file = self._file(name)
        with self._locked(), suppress(FileNotFoundError):
            if file.stat().st_mtime < before:
                file.unlink()

    def names(self, before: float) -> Iterator[str]:
        for file in self._folder.glob("??/??/*"):
            with suppress(FileNotFoundError):
                if file.stat().st_mtime >= before:
                    continue
                if file.suffix == PART:
                    file.unlink()
                else:
                    yield file.name

    @contextmanager
    def sweeping(self) -> Iterator[bool]:
        if not self._folder.is_dir():
            yield True  # nothing was ever put, and what is put from now on is too young to be swept
            return
        with self._sweep_lock() as descriptor:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    @contextmanager
    def kept(self) -> Iterator[None]:
        with self._sweep_lock() as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield

    def _file(self, name: str) -> Path:
        return self._folder / name[:2] / name[2:4] / name

    @contextmanager
    def _sweep_lock(self) -> Iterator[int]:
        _make_folder(self._folder)
        descriptor = os.open(self._folder / SWEEP_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Between a look at a file's age and its end nobody may put it again, not another process either."""
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def read(blobs: Blobs, name: str) -> bytes:
    """All of it; raises FileNotFoundError."""
    with blobs.open(name) as file:
        return file.read()


def _make_folder(folder: Path) -> None:
    """With its parents; a folder that is new has to reach the disk as well, or its files are lost with it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
