"""Behind a proxy the internet is called through it, what the operator named directly, and what is inside not at all."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import trustme

from server.addresses import Destinations
from server.errors import AddressRefused, FetchFailed
from server.fetch import Fetch, way_out
from tests.server.canary import PLAIN, Canary, attacks, listening

NAME = "pictures.example"
FOR_THE_PROXY = ("127.0.0.1.nip.io", "example.com")  # names of the internet, whatever they mean there


class Proxy(Canary):
    """Answers what it is asked to get, and leads whoever asks for a tunnel to `inside`."""

    inside: Canary | None = None

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        if self.inside is None or not self.asked[-1].startswith(b"CONNECT"):
            writer.write(self.answer)
            await writer.drain()
        else:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            inner = await asyncio.open_connection("127.0.0.1", self.inside.port)
            await asyncio.gather(_poured(reader, inner[1]), _poured(inner[0], writer), return_exceptions=True)
        writer.close()


async def _poured(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    writer.close()


async def nowhere(host: str, port: int) -> list[str]:
    """As inside a house whose name servers know nothing of the internet."""
    raise OSError


def behind(proxy: Proxy, *allowed: str, ca_file: Path | None = None, said: str = "") -> Fetch:
    way = way_out(ca_file, f"http://{said}127.0.0.1:{proxy.port}")
    return Fetch(Destinations.of("public", allowed), most_bytes=1000, seconds=5, way=way, resolve=nowhere)


@asynccontextmanager
async def over_tls(canary: Canary, folder: Path) -> AsyncIterator[Path]:
    """The canary behind a certificate of NAME; yields the file of whoever signed it."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    server = await asyncio.start_server(canary, "127.0.0.1", ssl=context)
    canary.port = server.sockets[0].getsockname()[1]
    try:
        yield folder / "ca.pem"
    finally:
        server.close()
        await asyncio.gather(*canary.talks, return_exceptions=True)


def test_the_internet_is_called_through_the_proxy() -> None:
    async def attempt() -> tuple[bytes, list[bytes]]:
        async with listening(Proxy()) as proxy:
            assert isinstance(proxy, Proxy)
            return await behind(proxy).get(f"http://{NAME}/cat.png"), proxy.asked

    body, asked = asyncio.run(attempt())
    assert body == b"hello"
    (request,) = asked
    assert request.startswith(f"GET http://{NAME}/cat.png HTTP/1.1".encode())


def test_what_the_operator_named_is_called_directly() -> None:
    async def attempt() -> tuple[list[bytes], list[bytes]]:
        async with listening(Proxy()) as proxy, listening(Canary()) as near:
            assert isinstance(proxy, Proxy)
            fetch = Fetch(
                Destinations.of("public", [f"{NAME}:{near.port}"]),
                most_bytes=1000,
                seconds=5,
                way=way_out(proxy=f"http://127.0.0.1:{proxy.port}"),
                resolve=_here,
            )
            await fetch.get(f"http://{NAME}:{near.port}/")
            return proxy.asked, near.asked

    through, directly = asyncio.run(attempt())
    assert through == []
    assert len(directly) == 1


async def _here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def test_a_tunnel_is_asked_for_with_the_proxy_s_password_and_ends_at_a_certificate_of_the_house(tmp_path: Path) -> None:
    async def attempt() -> tuple[bytes, list[bytes], list[bytes]]:
        inside, proxy = Canary(), Proxy()
        async with over_tls(inside, tmp_path) as ca_file, listening(proxy):
            proxy.inside = inside
            body = await behind(proxy, ca_file=ca_file, said="ann:secret@").get(f"https://{NAME}/")
            with pytest.raises(FetchFailed):
                await behind(proxy).get(f"https://{NAME}/")  # whose certificate nobody else believes
            return body, proxy.asked, inside.asked

    body, asked, inside = asyncio.run(attempt())
    assert body == b"hello"
    assert asked[0].startswith(f"CONNECT {NAME}:443 ".encode())
    assert b"proxy-authorization: basic " + b64encode(b"ann:secret").lower() in asked[0].lower()
    assert not any(b"secret" in request or b64encode(b"ann:secret") in request for request in inside)


@pytest.mark.parametrize("url", attacks())
def test_no_spelling_of_an_address_inside_is_handed_to_the_proxy(url: str) -> None:
    async def attempt() -> list[bytes]:
        async with listening(Proxy()) as proxy, listening(Canary()) as near:
            way = way_out(proxy=f"http://127.0.0.1:{proxy.port}")
            stranger = Fetch(Destinations.of("public"), most_bytes=1000, seconds=5, way=way)
            for port in (near.port, 80):
                with suppress(AddressRefused, FetchFailed):
                    await stranger.get(url.format(port=port))
            assert near.asked == []
            return proxy.asked

    asked = [request.split()[1].decode() for request in asyncio.run(attempt())]
    assert all(httpx.URL(target).host in FOR_THE_PROXY for target in asked)


def test_a_proxy_that_refuses_is_a_failure_that_tells_nothing() -> None:
    async def attempt() -> None:
        async with listening(Proxy(answer=PLAIN.replace(b"200 OK", b"403 No"))) as proxy:
            assert isinstance(proxy, Proxy)
            for scheme in ("http", "https"):
                with pytest.raises(FetchFailed):
                    await behind(proxy).get(f"{scheme}://{NAME}/")

    asyncio.run(attempt())
