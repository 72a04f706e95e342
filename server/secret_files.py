"""Secrets from files: where DARKROOM_<NAME> holds a secret, DARKROOM_<NAME>_FILE may name a file with it instead.

And keys of the server's own, which it makes and keeps.
"""

import os
import secrets
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

READ_BY_OTHERS = stat.S_IROTH


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"DARKROOM_{name.upper()}"


def secrets_in_files(names: Iterable[str]) -> dict[str, str]:
    """What the files of these settings hold, for those that name one; raises ValueError for one that is no text."""
    return {name: _read(name, file) for name, file in _files(names).items()}


def open_to_others(names: Iterable[str]) -> list[str]:
    """The variables, of these settings, whose file every user of this machine may read."""
    return [f"{variable(name)}_FILE" for name, file in _files(names).items() if file.stat().st_mode & READ_BY_OTHERS]


def _files(names: Iterable[str]) -> dict[str, Path]:
    given = {name: os.environ.get(f"{variable(name)}_FILE") for name in names}
    return {name: Path(file) for name, file in given.items() if file}


def _read(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"the file that {variable(name)}_FILE names cannot be read as text") from None


def kept_key(file: Path) -> bytes:
    """A key of 256 random bits, for its owner alone, made when it is first asked for.

    Of servers that start at once, one makes it and the others find it, whole.
    """
    with suppress(FileNotFoundError):
        return file.read_bytes()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, new = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as whole:
            whole.write(secrets.token_urlsafe(32).encode())
            whole.flush()
            os.fsync(whole.fileno())
        with suppress(FileExistsError):
            os.link(new, file)
    finally:
        os.unlink(new)
    return file.read_bytes()
