"""A PostgreSQL of the tests' own: Debian's packages, a folder of its own, a Unix socket, no durability."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNPRIVILEGED = ("postgres", "nobody")  # PostgreSQL refuses to run as root
FAST = "fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses="


def programs() -> Path | None:
    """The folder with initdb and pg_ctl, of the newest version that is installed."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The address of the database `postgres` of a server that runs meanwhile."""
    # The socket's path may have 107 bytes at most, and the server's user has to reach it.
    with tempfile.TemporaryDirectory(prefix="darkroom-") as short:
        data = Path(short) / "data"
        user = _hand_over(Path(short))
        _run(user, folder / "initdb", "-D", data, "-U", "darkroom", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = " ".join(f"-c {option}" for option in (*FAST, f"unix_socket_directories={short}"))
        _run(user, folder / "pg_ctl", "-D", data, "-w", "-l", Path(short) / "log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://darkroom@/postgres?host={short}"
        finally:
            _run(user, folder / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def _hand_over(folder: Path) -> pwd.struct_passwd | None:
    """Who is to run the server: None where that is whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = next(names[name] for name in UNPRIVILEGED if name in names)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return user


def _run(user: pwd.struct_passwd | None, *command: object) -> None:
    who = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    ended = subprocess.run(
        [str(part) for part in command], cwd="/", capture_output=True, text=True, check=False, timeout=60, **who
    )
    assert ended.returncode == 0, ended.stderr
