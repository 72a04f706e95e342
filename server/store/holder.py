"""Who holds a lease, and whether it lives: a name, and a file of that name that its process keeps locked.

The system takes the lock back however the process ends, so that whoever comes next on the same folder need not wait for
the leases of the dead. Holders on other machines have no file here, and their leases have to run out.
"""

import fcntl
import os
import secrets
from pathlib import Path


class Holder:
    """One process among those that claim jobs."""

    def __init__(self, folder: Path) -> None:
        self.name = f"holder_{secrets.token_urlsafe(12)}"
        self._folder = folder
        self._descriptor: int | None = None

    def appear(self) -> None:
        """Call before anything is claimed."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(self._folder / self.name, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def leave(self) -> None:
        """Call when nothing is held any more."""
        if self._descriptor is not None:
            self.bury(self.name)
            os.close(self._descriptor)
            self._descriptor = None

    def dead(self) -> list[str]:
        """The names of those of this folder whose process has ended without leaving."""
        return [file.name for file in self._folder.iterdir() if file.name != self.name and not _is_locked(file)]

    def bury(self, name: str) -> None:
        """Forget a name that holds nothing."""
        (self._folder / name).unlink(missing_ok=True)


def is_served(folder: Path) -> bool:
    """Whether a process of this machine, or of one that shares the folder with its locks, lives there."""
    return folder.is_dir() and any(map(_is_locked, folder.iterdir()))


def _is_locked(file: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return True  # it left just now, in order
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
