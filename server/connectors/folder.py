"""A folder of this machine, or one that is mounted here, below a root that the operator allows."""

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from server.connectors.threads import Threads
from server.errors import NotOffered, UploadFailed

NOT_ALLOWED = "The operator of this server allows no such folder: it has to be one of DARKROOM_CONNECTOR_FOLDERS."
READABLE = 0o644  # others are to find the pictures, which is what the folder is for


class Folder:
    """root: as the operator wrote it. Raises NotOffered."""

    def __init__(self, roots: Sequence[Path], threads: Threads, *, root: str) -> None:
        if Path(root) not in roots:
            raise NotOffered(NOT_ALLOWED)
        self._root, self._threads = Path(root), threads

    async def put(self, path: Sequence[str], content: bytes, media_type: str) -> None:
        await self._threads.run(self._write, path, content)

    def _write(self, path: Sequence[str], content: bytes) -> None:
        root = self._root.resolve()
        folder = root.joinpath(*path[:-1])
        if not root.is_dir():  # a mount that is not there must not fill the disk beneath it
            raise UploadFailed("The folder's root is not there.")
        try:
            if not folder.resolve().is_relative_to(root):
                raise UploadFailed("The folder leads out of its root.", final=True)
            folder.mkdir(parents=True, exist_ok=True)
            _write_whole(folder / path[-1], content)
        except OSError:
            raise UploadFailed("The folder takes no files: see whose it is, and how full its disk is.") from None


def _write_whole(file: Path, content: bytes) -> None:
    """Or not at all."""
    descriptor, part = tempfile.mkstemp(dir=file.parent, prefix=".darkroom-")
    try:
        with os.fdopen(descriptor, "wb") as whole:
            os.fchmod(descriptor, READABLE)
            whole.write(content)
            whole.flush()
            os.fsync(descriptor)
        os.replace(part, file)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise
