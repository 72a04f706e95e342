"""Nothing inside the network is called for a stranger: a canary that listens there is never touched."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from server.addresses import Destinations
from server.errors import AddressRefused, FetchFailed
from server.fetch import Fetch
from tests.server.canary import Canary, attacks, listening

NAME = "pictures.example"


def answers(*addresses: str) -> Callable[[str, int], Awaitable[list[str]]]:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


def allowed(canary: Canary, **limits: float) -> Fetch:
    """May call the canary, by the name of NAME."""
    limits = {"most_bytes": 1000, "seconds": 5} | limits
    destinations = Destinations.of("allow", [f"{NAME}:{canary.port}"])
    return Fetch(destinations, resolve=answers("127.0.0.1"), **limits)  # type: ignore[arg-type]


STRANGER = Fetch(Destinations.of("public"), most_bytes=1000, seconds=5)


@pytest.mark.parametrize("url", attacks())
def test_no_spelling_of_an_address_reaches_this_machine(url: str) -> None:
    async def attempt() -> list[bytes]:
        async with listening(Canary()) as near, listening(Canary(), "::1") as beside:
            for canary in (near, beside):
                with pytest.raises((AddressRefused, FetchFailed)):
                    await STRANGER.get(url.format(port=canary.port))
                with pytest.raises((AddressRefused, FetchFailed)):
                    await STRANGER.post(url.format(port=canary.port), b"{}", {})
            return near.asked + beside.asked

    assert asyncio.run(attempt()) == []


def test_a_name_with_one_address_of_ours_among_public_ones_is_refused() -> None:
    fetch = Fetch(Destinations.of("public"), most_bytes=9, seconds=5, resolve=answers("1.1.1.1", "127.0.0.1"))
    with pytest.raises(AddressRefused):
        asyncio.run(fetch.get("http://pictures.example/"))


def test_a_name_that_changes_its_mind_is_asked_once_a_connection() -> None:
    """What was judged is what is called: a second answer of the resolver is never waited for."""
    asked = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["1.1.1.1", "127.0.0.1"] if len(asked) > 1 else ["127.0.0.1"]

    async def attempt() -> bytes:
        async with listening(Canary()) as canary:
            destinations = Destinations.of("allow", ["127.0.0.0/8"])
            fetch = Fetch(destinations, most_bytes=9, seconds=5, resolve=resolve)
            return await fetch.get(f"http://{NAME}:{canary.port}/")

    assert asyncio.run(attempt()) == b"hello"
    assert asked == [NAME]


@pytest.mark.parametrize("status", sorted({301, 302, 303, 307, 308}))
def test_a_redirect_into_the_network_is_judged_like_any_address(status: int) -> None:
    async def attempt() -> list[bytes]:
        async with listening(Canary()) as inside:
            location = f"location: http://127.0.0.1:{inside.port}/\r\n\r\n".encode()
            async with listening(Canary(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n" % status + location)) as outside:
                with pytest.raises(AddressRefused):
                    await allowed(outside).get(f"http://{NAME}:{outside.port}/")
                return inside.asked

    assert asyncio.run(attempt()) == []


def test_a_redirect_to_a_place_that_is_allowed_is_followed_and_not_for_ever() -> None:
    async def attempt() -> int:
        circle = Canary(b"HTTP/1.1 302 X\r\ncontent-length: 0\r\nlocation: /again\r\n\r\n")
        async with listening(circle):
            with pytest.raises(FetchFailed):
                await allowed(circle).get(f"http://{NAME}:{circle.port}/")
            return len(circle.asked)

    assert asyncio.run(attempt()) == 4


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 X\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello",
        b"",
    ],
    ids=["an error", "too long", "packed", "no HTTP", "cut short", "silence"],
)
def test_what_is_not_a_plain_answer_is_a_failure_that_tells_nothing(answer: bytes) -> None:
    async def attempt() -> str:
        async with listening(Canary(answer)) as canary:
            with pytest.raises(FetchFailed) as failed:
                await allowed(canary, seconds=0.5).get(f"http://{NAME}:{canary.port}/secret")
            return failed.value.sentence

    assert asyncio.run(attempt()) == FetchFailed().sentence


def test_what_is_allowed_comes_and_carries_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    async def attempt() -> tuple[bytes, bytes]:
        async with listening(Canary()) as canary:
            body = await allowed(canary).get(f"http://{NAME}:{canary.port}/a%20b?c=d")
            return body, canary.asked[0]

    body, asked = asyncio.run(attempt())
    assert body == b"hello"
    assert asked.startswith(b"GET /a%20b?c=d HTTP/1.1\r\n")
    names = {line.split(b":")[0].lower() for line in asked.split(b"\r\n")[1:] if line}
    assert names == {b"host", b"user-agent", b"accept-encoding"}


def test_a_message_is_posted_whole_and_a_redirect_of_it_is_not_followed() -> None:
    async def attempt() -> tuple[int, bytes]:
        answer = b"HTTP/1.1 307 X\r\ncontent-length: 0\r\nlocation: /again\r\n\r\n"
        async with listening(Canary(answer)) as canary:
            told = await allowed(canary).post(f"http://{NAME}:{canary.port}/hook", b'{"a":1}', {"webhook-id": "m"})
            (asked,) = canary.asked
            return told.status, asked

    status, asked = asyncio.run(attempt())
    assert status == 307
    assert b"webhook-id: m" in asked
    assert asked.endswith(b'\r\n\r\n{"a":1}')
