"""The only door to other people's addresses: pictures by URL come in here, webhooks go out.

The address is checked where the connection is made, so that a name which changes its mind in between gains nothing.
No redirect is followed unseen, no cookie, no key and no proxy of the environment is sent along, and an error says no
more than that it did not work. Cases: OWASP's Server Side Request Forgery Prevention Cheat Sheet.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpcore
import httpx

from server.addresses import Destinations
from server.errors import AddressRefused, FetchFailed

MOST_HOPS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
USER_AGENT = b"Darkroom"
CONNECT_SECONDS = 10.0
AT_ONCE = 16  # names that are looked up
BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, httpcore.TimeoutException)
OWN = frozenset({"host", "user-agent", "accept-encoding"})  # headers that nobody else sets

Resolve = Callable[[str, int], Awaitable[list[str]]]
Headers = list[tuple[bytes, bytes]]


class Resolver:
    """The system's, in threads of its own: a name server that never answers must not hold up the database's."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, "resolver")

    async def __call__(self, host: str, port: int) -> list[str]:
        """All addresses of a name. Raises OSError."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


async def judged(destinations: Destinations, resolve: Resolve, host: str, port: int) -> str:
    """An address of this name, if all that it resolves to are allowed. Raises AddressRefused and OSError."""
    addresses = await resolve(host, port)
    if not addresses or not all(destinations.allows(host, port, address) for address in addresses):
        raise AddressRefused
    return addresses[0]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Way:
    """How calls leave the house. tls: whom they believe. proxy: an HTTP proxy's URL, with its user and password."""

    tls: ssl.SSLContext
    proxy: str | None = None


def way_out(ca_file: Path | None = None, proxy: str | None = None) -> Way:
    """ca_file: certificates in PEM that are believed beside the system's. Raises ssl.SSLError and OSError."""
    tls = ssl.create_default_context()
    if ca_file is not None:
        tls.load_verify_locations(ca_file)
    return Way(tls, proxy)


class Fetch:
    """destinations: where it may go. most_bytes: of a body; None reads none, for whoever asks for the status alone.

    seconds: for all of one call, redirects and all.
    """

    def __init__(
        self,
        destinations: Destinations,
        *,
        most_bytes: int | None,
        seconds: float,
        way: Way | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._destinations, self._most_bytes, self._seconds = destinations, most_bytes, seconds
        self._way, self._resolve = way or way_out(), resolve or Resolver()

    async def get(self, url: str) -> bytes:
        """What lies at the address. Raises AddressRefused and FetchFailed; neither says what was found there."""
        async with self._limited():
            for _ in range(MOST_HOPS + 1):
                answer = await self._call(b"GET", httpx.URL(url), [], None)
                if answer.status in REDIRECTS and "location" in answer.headers:
                    url = str(httpx.URL(url).join(answer.headers["location"]))
                    continue
                if answer.status != 200:
                    raise FetchFailed
                return answer.body
            raise FetchFailed

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """See `send`."""
        return await self.send("POST", url, body, headers)

    async def send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What the receiver answers; a redirect is an answer too. Raises AddressRefused and FetchFailed."""
        async with self._limited():
            spelled = [(name.encode(), value.encode()) for name, value in headers.items() if name.lower() not in OWN]
            return await self._call(method.encode(), httpx.URL(url), spelled, body)

    async def address_of(self, host: str, port: int) -> str:
        """An address of a name that may be called, for what speaks no HTTP: call this one, and resolve no more.

        Raises AddressRefused and FetchFailed.
        """
        async with self._limited():
            return await judged(self._destinations, self._resolve, host, port)

    @asynccontextmanager
    async def _limited(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except (httpx.InvalidURL, httpcore.UnsupportedProtocol, UnicodeError):
            raise AddressRefused from None
        except (OSError, TimeoutError, *BROKEN):
            raise FetchFailed from None

    async def _call(self, method: bytes, url: httpx.URL, headers: Headers, body: bytes | None) -> Answer:
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise AddressRefused
        own = [(b"host", url.netloc), (b"user-agent", USER_AGENT), (b"accept-encoding", b"identity")]
        async with (
            await self._connections(url) as pool,
            pool.stream(method, _core(url), headers=[*own, *headers], content=body) as response,
        ):
            told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            if self._most_bytes is None:
                return Answer(response.status, told, b"")
            received = bytearray()
            async for chunk in response.aiter_stream():
                received += chunk
                if len(received) > self._most_bytes:
                    raise FetchFailed
        if told.get("content-encoding", "identity") != "identity":
            raise FetchFailed  # it was told not to; what unpacks to a thousand times its size is not unpacked here
        return Answer(response.status, told, bytes(received))

    async def _connections(self, url: httpx.URL) -> httpcore.AsyncConnectionPool:
        """To the address itself, which is judged when it connects, or to the proxy, once it was judged."""
        host, port = url.raw_host.decode("ascii"), url.port or {"http": 80, "https": 443}[url.scheme]
        if self._way.proxy is None or await self._is_near(host, port):
            guarded = Guarded(self._destinations, self._resolve)
            return httpcore.AsyncConnectionPool(self._way.tls, max_connections=1, network_backend=guarded)
        proxy, tls = httpx.Proxy(self._way.proxy), self._way.tls
        to_proxy = tls if proxy.url.scheme == "https" else None
        return httpcore.AsyncHTTPProxy(
            _core(proxy.url), proxy.raw_auth, ssl_context=tls, proxy_ssl_context=to_proxy, max_connections=1
        )

    async def _is_near(self, host: str, port: int) -> bool:
        """Whether the operator named it, so that no proxy is needed. Raises AddressRefused for what may not be called.

        A name that means nothing here is the proxy's to find, and to judge.
        """
        if self._destinations.names_host(host, port):
            return True
        try:
            addresses = await self._resolve(host, port)
        except OSError:
            if self._destinations.allows_unseen(host, port):
                return False
            raise AddressRefused from None
        if not addresses or not all(self._destinations.allows(host, port, address) for address in addresses):
            raise AddressRefused
        return all(self._destinations.names(host, port, address) for address in addresses)


class Guarded(httpcore.AsyncNetworkBackend):
    """Connects to an address that was resolved once, and only if all that the name resolves to is allowed."""

    def __init__(self, destinations: Destinations, resolve: Resolve) -> None:
        self._destinations, self._resolve = destinations, resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the base class has it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        address = await judged(self._destinations, self._resolve, host, port)
        return await self._inner.connect_tcp(address, port, CONNECT_SECONDS, local_address, socket_options)


def _core(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
