"""An SSH server on loopback with one user and one folder, for tests of uploads by SFTP."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko

USER, PASSWORD = "painter", "a password for tests"


@dataclass(frozen=True)
class SshHost:
    port: int
    fingerprint: str
    folder: Path


class OneUser(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        known = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


def files_below(folder: Path) -> type[paramiko.SFTPServerInterface]:
    class Files(paramiko.SFTPServerInterface):
        def mkdir(self, path: str, attr: Any) -> int:
            with suppress(FileExistsError):
                self._place(path).mkdir()
            return int(paramiko.SFTP_OK)

        def open(self, path: str, flags: int, attr: Any) -> Any:
            try:
                descriptor = os.open(self._place(path), flags, 0o644)
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno or 0)
            handle = paramiko.SFTPHandle(flags)
            handle.writefile = handle.readfile = os.fdopen(descriptor, "wb")  # type: ignore[attr-defined]
            return handle

        def posix_rename(self, oldpath: str, newpath: str) -> int:
            self._place(oldpath).replace(self._place(newpath))
            return int(paramiko.SFTP_OK)

        def _place(self, path: str) -> Path:
            return folder / self.canonicalize(path).lstrip("/")

    return Files


@contextmanager
def ssh_host(folder: Path) -> Iterator[SshHost]:
    key, listener = paramiko.ECDSAKey.generate(), socket.create_server(("127.0.0.1", 0))
    transports: list[paramiko.Transport] = []

    def run() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                transport = paramiko.Transport(connection)
                transports.append(transport)
                transport.add_server_key(key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, files_below(folder))
                with suppress(paramiko.SSHException, EOFError, OSError):  # the client may be gone again
                    transport.start_server(server=OneUser())

    thread = threading.Thread(target=run, name="ssh")
    thread.start()
    try:
        yield SshHost(listener.getsockname()[1], key.fingerprint, folder)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for transport in transports:
            transport.close()
