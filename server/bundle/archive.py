"""The file that a bundle is: a tar in one spelling, so that the manifest decides every byte that is not content.

Who reads compares, and believes nothing that the archive says by itself: no name, size, link or device. The format is
tar's (https://www.gnu.org/software/tar/manual/html_node/Standard.html) with GNU's way to write long names and sizes.
"""

import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from server.bundle.manifest import CHECKSUM, MANIFEST, SIGNATURE, Manifest, Part, checksum
from server.bundle.progress import Seen
from server.errors.bundles import BundleFailed, BundleRefused

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
CHUNK = 1 << 20
LARGEST_MANIFEST = 64 << 20  # bytes
SIGNATURE_BYTES = 64  # of Ed25519
NO_BUNDLE = "This file is no bundle, or its beginning is damaged: make it with `darkroom bundle export`."
TOO_SHORT = "The bundle ends too early: it was not copied whole. Copy it again."


def header(name: str, size: int) -> bytes:
    """What stands before a file of that name and size (bytes). It has no times and no owners."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def room(name: str, size: int) -> int:
    """The bytes that a file takes in the archive."""
    return len(header(name, size)) + size + len(padding(size))


def head(manifest: bytes, signature: bytes | None) -> bytes:
    """Everything before the files that the manifest names."""
    parts = [(MANIFEST, manifest), (CHECKSUM, checksum(manifest))]
    parts += [(SIGNATURE, signature)] if signature is not None else []
    return b"".join(header(name, len(content)) + content + padding(len(content)) for name, content in parts)


def write(file: BinaryIO, start: bytes, members: Iterable[tuple[Part, Path]], seen: Seen) -> str:
    """The whole archive into `file`, which may hold some of it from an export that was interrupted: as far as it is
    the same, it is only read. Returns the archive's sha256. Raises BundleFailed where a file is no longer as it was.
    """
    whole = hashlib.sha256()
    for piece in _pieces(start, members, seen):
        place = file.tell()
        if file.read(len(piece)) != piece:
            file.seek(place)
            file.truncate()
            file.write(piece)
        whole.update(piece)
    file.truncate()
    return whole.hexdigest()


def _pieces(start: bytes, members: Iterable[tuple[Part, Path]], seen: Seen) -> Iterator[bytes]:
    yield start
    for part, source in members:
        yield header(part.path, part.size)
        digest = hashlib.sha256()
        with source.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
                digest.update(chunk)
                seen(len(chunk))
        if digest.hexdigest() != part.sha256:
            raise BundleFailed(f"The file {part.path} was changed while it was read: export again.")
        yield padding(part.size)
    yield END


def read_manifest(file: BinaryIO) -> bytes:
    """The manifest, which stands first, and after it its sha256. Raises BundleRefused."""
    start = file.read(BLOCK)
    try:
        size = tarfile.TarInfo.frombuf(start, "utf-8", "strict").size
    except (tarfile.TarError, ValueError) as error:
        raise BundleRefused(NO_BUNDLE) from error
    if not 0 < size <= LARGEST_MANIFEST or start != header(MANIFEST, size):
        raise BundleRefused(NO_BUNDLE)
    content = _exactly(file, size)
    _expect(file, padding(size))
    known = checksum(content)
    if b"".join(read_member(file, CHECKSUM, len(known))) != known:
        raise BundleRefused("The bundle's manifest is damaged: copy the bundle again.")
    return content


def read_signature(file: BinaryIO) -> bytes:
    """It follows where the manifest says so. Raises BundleRefused."""
    return b"".join(read_member(file, SIGNATURE, SIGNATURE_BYTES))


def read_member(file: BinaryIO, name: str, size: int) -> Iterator[bytes]:
    """The content of the file that has to be next, in pieces. Raises BundleRefused where another one is."""
    _expect(file, header(name, size))
    left = size
    while left:
        chunk = _exactly(file, min(left, CHUNK))
        left -= len(chunk)
        yield chunk
    _expect(file, padding(size))


def check_length(file: BinaryIO, manifest: Manifest) -> None:
    """`file` stands where the first of the manifest's files begins, and is left there. Raises BundleRefused."""
    begin = file.tell()
    actual = file.seek(0, os.SEEK_END)
    file.seek(begin)
    expected = begin + sum(room(part.path, part.size) for part in manifest.files) + len(END)
    if actual < expected:
        raise BundleRefused(TOO_SHORT)
    if actual > expected:
        raise BundleRefused("The bundle holds more than its manifest names: somebody changed it. Get it anew.")


def read_end(file: BinaryIO) -> None:
    _expect(file, END)


def _exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise BundleRefused(TOO_SHORT)
    return content


def _expect(file: BinaryIO, spelled: bytes) -> None:
    found = _exactly(file, len(spelled))
    if found != spelled:
        raise BundleRefused(_told(found))


def _told(found: bytes) -> str:
    """What stands where something else should."""
    try:
        info = tarfile.TarInfo.frombuf(found[:BLOCK], "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return "The bundle is damaged between two of its files: copy it again."
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.GNUTYPE_LONGNAME):
        return "The bundle holds a link, a device or a folder, and may hold files alone: somebody changed it."
    return "The bundle's files are not those that its manifest names, in that order: somebody changed it."
