"""Listeners inside the network that nobody may touch, and the ways to spell their address."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ATTACKS = Path(__file__).parents[1] / "corpora" / "ssrf.txt"
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


@dataclass
class Canary:
    """A server on loopback: what it was asked, and what it answers."""

    answer: bytes = PLAIN
    asked: list[bytes] = field(default_factory=list)
    port: int = 0
    talks: list[asyncio.Task[None]] = field(default_factory=list)

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks.append(asyncio.create_task(self.talk(reader, writer)))

    def answer_to(self, head: bytes) -> bytes:
        return self.answer

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        self.asked.append(head + await reader.readexactly(int(length[1]) if length else 0))
        if answer := self.answer_to(head):
            writer.write(answer)
            await writer.drain()
        else:
            await reader.read()  # until the caller loses patience
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def listening(canary: Canary, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Canary]:
    server = await asyncio.start_server(canary, host, port)
    canary.port = server.sockets[0].getsockname()[1]
    try:
        yield canary
    finally:
        server.close()
        await asyncio.gather(*canary.talks, return_exceptions=True)


def attacks() -> list[str]:
    """Addresses of what is inside, with `{port}` for a canary's."""
    lines = ATTACKS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]
