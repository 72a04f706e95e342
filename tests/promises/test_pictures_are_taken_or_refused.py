"""Whatever comes as a picture, by whatever door, is taken or refused: the server neither fails nor ends."""

import base64
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from random import Random

import httpx
import pytest
from PIL import Image

from tests.promises.conftest import Torture
from tests.promises.doors import Door, doors
from tests.promises.processes import Server, ending

CLIENTS = 4
SEED = 20_000
MOST_BYTES = 200_000  # of a file to mutate
SPOILT = 0.004  # of a mutant's bits
KINDS = (".png", ".jpg", ".jpeg", ".webp")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data", "kinds", max_queue=10**6)
    with ending(server):
        server.start()
        server.await_ready()
        yield server


def good() -> str:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def mutants(files: Sequence[Path], count: int) -> Iterator[bytes]:
    """Of pictures in the formats that are taken, each with some bits turned over."""
    random = Random(SEED)
    sources = [file for file in files if file.suffix in KINDS and file.stat().st_size < MOST_BYTES]
    for _ in range(count):
        content = bytearray(random.choice(sources).read_bytes())
        for _ in range(max(1, round(8 * len(content) * SPOILT))):
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
        yield bytes(content)


def send(server: Server, requests: Sequence[tuple[Door, bytes]]) -> Counter[int]:
    """How many answers had which status."""
    innocent = good()

    def some(number: int) -> Counter[int]:
        with server.new_client() as client:
            return Counter(answered(client, *request) for request in requests[number::CLIENTS])

    def answered(client: httpx.Client, door: Door, content: bytes) -> int:
        request = door.request(base64.b64encode(content).decode(), innocent)
        status = client.request(**request).status_code
        assert 200 <= status < 300 or 400 <= status < 500, (str(door), status, content[:50])
        return status

    with ThreadPoolExecutor(CLIENTS) as threads:
        return sum(threads.map(some, range(CLIENTS)), Counter[int]())


def test_pictures_are_taken_or_refused_by_every_door(torture: Torture, server: Server, pillow_images: Path) -> None:
    every = doors(server.client.get("/openapi.json").json())
    files = sorted(path for path in pillow_images.rglob("*") if path.is_file())
    random = Random(SEED)
    corpus = [file.read_bytes() for file in random.sample(files, torture.many(60, len(files)))]
    some = cycle(every)
    through = torture.many(1, len(every))  # doors, for each file of the corpus
    requests = [(door, content) for content in corpus for door in islice(some, through)]
    spoilt = torture.many(300, 20_000)
    found = send(server, [*requests, *((next(some), mutant) for mutant in mutants(files, spoilt))])
    assert found.total() == len(requests) + spoilt
    assert server.starts == 1
    assert server.is_running
    taken = sum(count for status, count in found.items() if status < 300)
    assert 0 < taken < found.total(), found
    done = f"files that Pillow is tested with, and {spoilt} mutants, by {len(every)} doors"
    result = f"{taken} taken, {found.total() - taken} refused, 0 errors of the server, 0 restarts"
    torture.tell("Every picture is taken or refused", done, found.total(), result)
