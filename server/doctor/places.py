"""Where it lives: memory, disk, the data folder and who may read it, the address."""

import errno
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from server.doctor.findings import Finding, hint, problem, well
from server.secret_files import open_to_others
from server.settings import Settings

GIB = 2**30
LITTLE_MEMORY = 4 * GIB
OTHERS = stat.S_IRWXG | stat.S_IRWXO
PRIVATE = ("*.key", "keys.json", "darkroom.db*")  # in the data folder


def look(settings: Settings) -> Iterator[Finding]:
    yield from of_memory(Path("/proc/meminfo"))
    yield from of_disk(settings)
    yield from of_data(settings.data)
    for variable in open_to_others(settings.secret_names()):
        yield hint("secrets", f"Every user of this machine may read the file of {variable}.", "chmod 600 that file.")
    yield from of_address(settings.host, settings.port)


def of_memory(table: Path) -> Iterator[Finding]:
    """table: as proc(5) has it."""
    try:
        lines = dict(line.split(":", 1) for line in table.read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return
    if free < LITTLE_MEMORY:
        remedy = "End other programs; set DARKROOM_HOST_CACHE to 0."
        yield hint("memory", f"only {free / GIB:.1f} GiB are free: an SDXL model needs about 8 while it loads.", remedy)
    else:
        yield well("memory", f"{free / GIB:.1f} GiB free")


def of_disk(settings: Settings) -> Iterator[Finding]:
    for name, folder in (("data", settings.data), ("models", settings.weights_folder)):
        free = shutil.disk_usage(_nearest(folder)).free
        if name == "data" and free < settings.disk_reserve:
            remedy = "Make room, or take another DARKROOM_DATA, or a smaller DARKROOM_DISK_RESERVE."
            yield problem("disk", f"The {name} folder's disk has less free than its reserve.", remedy)
        else:
            yield well("disk", f"{free / GIB:.1f} GiB free for the {name} folder")


def of_data(folder: Path) -> Iterator[Finding]:
    nearest = _nearest(folder)
    if not nearest.is_dir() or not os.access(nearest, os.R_OK | os.W_OK | os.X_OK):
        yield problem("data", f"{folder} cannot be written.", "Give it to the server's user, or set DARKROOM_DATA.")
        return
    yield well("data", f"{folder} {'can be written' if folder.exists() else 'will be made at the first start'}")
    if not folder.exists():
        return
    if (mode := stat.S_IMODE(folder.stat().st_mode)) & OTHERS:
        yield hint("data", f"Its mode is {mode:o}: others may look into it.", f"chmod 700 {folder}")
    for file in sorted(file for pattern in PRIVATE for file in folder.glob(pattern)):
        if file.stat().st_mode & OTHERS:
            yield hint("data", f"Others than its owner may open {file.name}.", f"chmod 600 {file}")


def of_address(host: str, port: int) -> Iterator[Finding]:
    """By taking it for a moment, as the server will."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            remedy = "If it is Darkroom that listens there, all is well; else another DARKROOM_PORT."
            yield hint("address", f"Port {port} is taken.", remedy)
        elif error.errno == errno.EACCES:
            yield problem("address", f"Port {port} is not for this user.", "Take a DARKROOM_PORT from 1024 on.")
        else:
            yield problem("address", "The host is no address of this machine.", "Set DARKROOM_HOST to one of its own.")
    else:
        yield well("address", f"port {port} is free")


def _nearest(folder: Path) -> Path:
    """The folder, or that which it will be made in."""
    return next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
