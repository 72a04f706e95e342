"""A folder of a machine that is reached by SSH. The library gets a socket to an address that was judged before."""

import base64
import hashlib
import io
import socket
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Any

from server.connectors.threads import Threads
from server.errors import NotOffered, UploadFailed
from server.fetch import Fetch

SECONDS = 30.0  # for any one step of the protocol


class Sftp:
    """host_key: its fingerprint, as `ssh-keygen -l` shows it. Raises NotOffered where the library is absent."""

    def __init__(
        self,
        fetch: Fetch,
        threads: Threads,
        *,
        host: str,
        port: str,
        user: str,
        host_key: str,
        password: str | None = None,
        private_key: str | None = None,
    ) -> None:
        try:
            import paramiko
        except ImportError:
            raise NotOffered("SFTP needs a package that is not here: pip install 'darkroom[connectors]'.") from None
        self._ssh, self._threads = paramiko, threads
        self._fetch, self._host, self._port, self._user = fetch, host, int(port), user
        self._host_key, self._password, self._private_key = host_key, password, private_key

    async def put(self, path: Sequence[str], content: bytes, media_type: str) -> None:
        address = await self._fetch.address_of(self._host, self._port)
        await self._threads.run(self._upload, address, path, content)

    def _upload(self, address: str, path: Sequence[str], content: bytes) -> None:
        try:
            with (
                socket.create_connection((address, self._port), SECONDS) as connection,
                closing(self._ssh.Transport(connection)) as transport,
            ):
                self._log_in(transport)
                with closing(self._ssh.SFTPClient.from_transport(transport)) as files:
                    files.get_channel().settimeout(SECONDS)
                    self._write(files, path, content)
        except self._ssh.AuthenticationException:
            raise UploadFailed("The host does not know these credentials.", final=True) from None
        except (OSError, EOFError, self._ssh.SSHException):
            raise UploadFailed("The host did not take the file, or did not answer in time.") from None

    def _log_in(self, transport: Any) -> None:
        transport.start_client(timeout=SECONDS)
        digest = hashlib.sha256(transport.get_remote_server_key().asbytes()).digest()
        if self._host_key != f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}":
            raise UploadFailed("The host shows another key than the one of this connector.", final=True)
        if self._private_key is not None:
            transport.auth_publickey(self._user, self._key(self._private_key))
        else:
            transport.auth_password(self._user, self._password or "")

    def _key(self, text: str) -> Any:
        for kind in (self._ssh.Ed25519Key, self._ssh.ECDSAKey, self._ssh.RSAKey):
            with suppress(self._ssh.SSHException, ValueError):
                return kind.from_private_key(io.StringIO(text))
        raise UploadFailed("The private key is none that SSH knows, or has a passphrase.", final=True)

    def _write(self, files: Any, path: Sequence[str], content: bytes) -> None:
        """Under another name until it is whole."""
        for depth in range(1, len(path)):
            with suppress(OSError):
                files.mkdir("/".join(path[:depth]))
        name = "/".join(path)
        with files.open(f"{name}.part", "wb") as file:
            file.write(content)
        files.posix_rename(f"{name}.part", name)
