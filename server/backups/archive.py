"""The form of a backup: a tar file whose last member says what is in it, under a name that is its own SHA-256.

    darkroom.db             the database, as an SQLite file, whichever kind it was
    secret.key, link.key    the server's own keys, where it made them itself
    prompts/*.yaml          what the operator added to the words
    blobs/<sha256>          every file that the database names
    manifest-<sha256>.json

Not in it: models, bundles, and keys that come by the environment. tar: POSIX.1-2001, section pax.
"""

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from server.errors import BackupRefused
from server.store.migrate import revisions

DATABASE = "darkroom.db"
BLOBS = "blobs"
PROMPTS = "prompts"
OWN_KEYS = ("secret.key", "link.key")
MANIFEST = re.compile(r"manifest-([0-9a-f]{64})\.json")
MOST_OF_MANIFEST = 2**30
AT_ONCE = 2**20
BLOB = re.compile(r"[0-9a-f]{64}")

Report = Callable[[int], object]  # told how many more bytes are done


class Manifest(BaseModel):
    """tables: the newest migration of the database. made: seconds since 1970. files: SHA-256 by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    tables: str
    made: float
    files: dict[str, str]


def checked(file: Path, report: Report) -> Manifest:
    """The manifest, once every byte of the file is found to be as it says. Raises BackupRefused."""
    found: dict[str, str] = {}
    manifest: Manifest | None = None
    with members(file) as named:
        for name, stream in named:
            if match := MANIFEST.fullmatch(name):
                manifest = _read(stream, match[1])
            elif name in found:
                raise BackupRefused("a file is in it twice")
            else:
                found[name] = _sha256(stream, report)
    if manifest is None:
        raise BackupRefused("it is cut short: its manifest is missing")
    if not manifest.files.keys() <= found.keys() or DATABASE not in found:
        raise BackupRefused("a file that its manifest names is missing")
    if manifest.files != found:
        raise BackupRefused("a file in it is not as its manifest says: it was damaged or changed")
    if manifest.tables not in revisions():
        raise BackupRefused("a later version of Darkroom made it: restore it with that one")
    return manifest


@contextmanager
def members(file: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Names and bytes, in order; whoever reads gets BackupRefused for what is cut short, or would lie elsewhere."""
    try:
        with tarfile.open(file, "r:") as archive:
            yield _named(archive)
    except (tarfile.TarError, EOFError):
        raise BackupRefused("it is cut short, or was never a backup") from None


def place_of(name: str) -> PurePosixPath:
    """Where a member lies within a data folder."""
    blob = name.removeprefix(f"{BLOBS}/")
    return PurePosixPath(BLOBS, blob[:2], blob[2:4], blob) if blob != name else PurePosixPath(name)


def _named(archive: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in archive:
        is_plain = member.isreg() and not member.issparse()  # a sparse one may claim any size
        stream = archive.extractfile(member) if is_plain and _is_ours(member.name) else None
        if stream is None:
            raise BackupRefused("something in it has a path that no backup has")
        yield member.name, stream


def _is_ours(name: str) -> bool:
    folder, slash, rest = name.rpartition("/")
    if not slash:
        return name == DATABASE or name in OWN_KEYS or MANIFEST.fullmatch(name) is not None
    if folder == BLOBS:
        return BLOB.fullmatch(rest) is not None
    return folder == PROMPTS and re.fullmatch(r"\w[\w.-]*", rest) is not None


def _read(stream: IO[bytes], sha256: str) -> Manifest:
    content = stream.read(MOST_OF_MANIFEST)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BackupRefused("its manifest was damaged or changed")
    try:
        return Manifest.model_validate_json(content)
    except ValidationError:
        raise BackupRefused("its manifest is none that this version reads") from None


def _sha256(stream: IO[bytes], report: Report) -> str:
    digest = hashlib.sha256()
    while some := stream.read(AT_ONCE):
        digest.update(some)
        report(len(some))
    return digest.hexdigest()
