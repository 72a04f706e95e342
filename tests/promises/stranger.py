"""Run by test_it_never_calls_inside.py: asks a server, by every door and in every spelling, to call what is inside.

The arguments are a scratch folder, `namespace` or `loopback`, and how many doors each address is sent through (0: all).
In a network namespace of its own, whose only interface is a loopback that is still down, canaries sit at port 80 of
127.0.0.1, ::1 and 169.254.169.254, and a public address is made of the loopback too, with a server that redirects
inside, and a name server whose answers change. Elsewhere the canaries sit at free ports of 127.0.0.1 and ::1, and the
server that redirects is allowed by name. Prints JSON: requests, and how often each listener was touched.
"""

import asyncio
import base64
import io
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx
import structlog
from PIL import Image

from server.app import create_app
from server.settings import Settings
from tests.promises.doors import Door, doors
from tests.promises.mortal import QuickWorker, kinds_catalog
from tests.promises.private_network import (
    METADATA,
    NAMES,
    PUBLIC,
    add_addresses,
    ask_ourselves_for_names,
    bring_loopback_up,
    rebinding,
)
from tests.server.canary import Canary, attacks, listening
from tests.server.serving import KEY, running

AT_ONCE = 8
LOOKS = 3000  # for what is sent later
NOTHING_LEFT = 'darkroom_outbox_waiting{kind="webhook"} 0.0'
INTEGRATIONS, CONNECTORS = "/api/v2/integrations/connect", "/darkroom/v1/connectors"
REDIRECTS = (301, 302, 303, 307, 308)
REBINDINGS = 6  # requests for each name, through so many doors each


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    return file.getvalue()


def plain(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body


class Outside(Canary):
    """A server that a stranger controls: a picture at /picture, else a redirect, by /status/location."""

    def answer_to(self, head: bytes) -> bytes:
        path = head.split(b" ")[1]
        if path.startswith(b"/picture"):
            return plain(picture())
        status, location = path[1:].split(b"/", 1)
        told = b"location: " + base64.urlsafe_b64decode(location)
        return b"HTTP/1.1 %s Moved\r\ncontent-length: 0\r\n%s\r\n\r\n" % (status, told)


def redirects(outside: str, inside: Sequence[str]) -> list[str]:
    return [
        f"{outside}/{status}/{base64.urlsafe_b64encode(url.encode()).decode()}"
        for status in REDIRECTS
        for url in inside
    ]


@asynccontextmanager
async def serving(folder: Path, allowed: Sequence[str]) -> AsyncIterator[tuple[httpx.AsyncClient, list[Door]]]:
    """A server that fetches pictures from the public internet, and from what is allowed by name."""
    near = {"fetch_allow": allowed, "webhook_allow": allowed, "fetch_seconds": 5, "webhook_seconds": 5}
    settings = Settings(data=folder, admin_key=KEY, max_queue=10**6, webhook_retry_seconds=[0], **near)
    app = create_app(settings, kinds_catalog(folder), QuickWorker())
    with running(app) as url:
        async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": KEY}, trust_env=False, timeout=60) as client:
            yield client, doors(app.openapi())


async def place_of(client: httpx.AsyncClient, door: Door) -> str:
    """The door's address; for one that changes a thing, with the id of one that was made for it."""
    if door.method not in ("PUT", "PATCH"):
        return door.path
    above = door.path.removesuffix("/any")
    made = await client.post(above, json={"url": "http://nobody.invalid/"})
    return made_at(door._replace(path=above), made.raise_for_status().json())


def made_at(door: Door, told: dict[str, Any]) -> str:
    """Where what a door made is tried and removed."""
    made = next(part for part in [told, *told.values()] if isinstance(part, dict) and "id" in part)
    if door.path == INTEGRATIONS:
        return f"{CONNECTORS}/{made['id'].replace('integration_', 'connector_')}"
    return f"{door.path}/{made['id']}"


async def send(client: httpx.AsyncClient, requests: Sequence[tuple[Door, str]]) -> None:
    """Each address through its door; whatever comes of it is an answer, and no error of the server."""
    innocent, gate = base64.b64encode(picture()).decode(), asyncio.Semaphore(AT_ONCE)

    async def one(door: Door, url: str) -> None:
        async with gate:
            where = await place_of(client, door)
            answer = await client.request(**door.request(url, innocent) | {"url": where})
            if answer.status_code == 201 or where != door.path:  # it is called when a job ends, or when it is tried
                made = where if where != door.path else made_at(door, answer.json())
                await client.post(f"{made}/test")
                await client.delete(made)
        assert answer.status_code < 500, (str(door), url, answer.text)

    await asyncio.gather(*(one(door, url) for door, url in requests))
    for _ in range(LOOKS):  # a webhook is sent when its job has ended
        if is_over((await client.get("/metrics")).text):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("webhooks wait for ever")


def is_over(figures: str) -> bool:
    return "darkroom_open_jobs{" not in figures and NOTHING_LEFT in figures


async def main(folder: Path, *, is_alone: bool, through: int) -> None:
    async with AsyncExitStack() as stack:
        port = 80 if is_alone else 0
        hosts = ("127.0.0.1", "::1", METADATA) if is_alone else ("127.0.0.1", "::1")
        canaries = {host: await stack.enter_async_context(listening(Canary(), host, port)) for host in hosts}
        outside = await stack.enter_async_context(listening(Outside(), PUBLIC if is_alone else "127.0.0.1", port))
        names = stack.enter_context(rebinding()) if is_alone else None
        at = f"http://{PUBLIC}" if is_alone else f"http://localhost:{outside.port}"
        client, every = await stack.enter_async_context(
            serving(folder, [] if is_alone else [f"localhost:{outside.port}"])
        )
        saying = [door for door in every if door.takes_addresses]
        await send(client, [(door, f"{at}/picture/{number}") for number, door in enumerate(saying)])
        opened = len({head.split(b" ")[1].split(b"/")[2] for head in outside.asked})
        near = [f"http://127.0.0.1:{canaries['127.0.0.1'].port}/", f"http://[::1]:{canaries['::1'].port}/"]
        ports = {canary.port for canary in canaries.values()}
        bad = list(dict.fromkeys(url.format(port=port) for url in attacks() for port in sorted(ports)))
        bad += redirects(at, [*near, f"http://{METADATA}/latest/meta-data/"])
        bad += [f"http://{name}/picture" for name in NAMES] * REBINDINGS if names else []
        some = cycle(every)
        requests = [(door, url) for url in bad for door in islice(some, through or len(every))]
        await send(client, requests)
        hits = {host: len(canary.talks) for host, canary in canaries.items()}
    told = {
        "doors": len(every),
        "saying": len(saying),
        "opened": opened,
        "requests": len(requests),
        "outside": len(outside.talks),
    }
    questions = sum(names.asked.values()) if names else 0
    sys.stdout.write(json.dumps(told | {"hits": hits, "questions": questions}))


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    is_alone = sys.argv[2] == "namespace"
    if is_alone:
        bring_loopback_up()
        add_addresses(METADATA, PUBLIC)
        ask_ourselves_for_names(Path(sys.argv[1]))
    asyncio.run(main(Path(sys.argv[1]), is_alone=is_alone, through=int(sys.argv[3])))
