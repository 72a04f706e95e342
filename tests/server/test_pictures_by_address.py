"""Pictures of a job by their address: fetched where that is allowed, and refused by field where not."""

import asyncio
import base64
import io

import pytest
from PIL import Image

from pipelines.tasks import ImageToImage
from server.addresses import Destinations
from server.bodies.kinds import asked_for
from server.errors import AddressRefused, BodyInvalid, DarkroomError, FetchFailed, ImageInvalid
from server.fetch import Fetch
from tests.server.canary import Canary, listening
from tests.server.serving import Serve, small_catalog, until

BODY = {"task": "image_to_image", "prompt": "a star", "model": "flat"}


def file() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(content, "PNG")
    return content.getvalue()


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body


def test_the_picture_at_an_address_is_the_one_drawn_over(serve: Serve) -> None:
    served = serve(fetch="allow", fetch_allow=["127.0.0.0/8"])

    async def ask() -> int:
        async with listening(Canary(answer(file()))) as canary:
            body = BODY | {"image": f"HTTP://127.0.0.1:{canary.port}/red.png", "strength": 0.5}
            told = await asyncio.to_thread(served.client.post, "/darkroom/v1/jobs", json=body)
            assert told.status_code == 202, told.text
            return len(canary.asked)

    assert asyncio.run(ask()) == 1
    until(lambda: bool(served.worker.tasks))
    (task,) = served.worker.tasks
    assert isinstance(task, ImageToImage)
    assert task.image.pixels[:3] == bytes([255, 0, 0])


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (answer(b"no picture"), ImageInvalid),
        (answer(b"", b"404 Not Found"), FetchFailed),
        (answer(b"x" * 10_001), FetchFailed),
        (b"HTTP/1.1 302 X\r\ncontent-length: 0\r\nlocation: http://[::1]/\r\n\r\n", AddressRefused),
    ],
    ids=["no picture", "nothing there", "too much", "a redirect inside"],
)
def test_what_is_no_picture_is_refused_by_field(
    told: bytes, error: type[DarkroomError], tmp_path_factory: pytest.TempPathFactory
) -> None:
    catalog = small_catalog(tmp_path_factory.mktemp("catalog"))

    async def ask() -> None:
        fetch = Fetch(Destinations.of("allow", ["127.0.0.0/8"]), most_bytes=10_000, seconds=5)
        async with listening(Canary(told)) as canary:
            await asked_for(catalog, BODY | {"image": f"http://127.0.0.1:{canary.port}/"}, fetch.get)

    with pytest.raises(error) as refused:
        asyncio.run(ask())
    assert refused.value.field == "image"


def test_an_address_that_stands_twice_is_fetched_once_and_too_many_are_refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    catalog = small_catalog(tmp_path_factory.mktemp("catalog"))
    fetch = Fetch(Destinations.of("allow", ["127.0.0.0/8"]), most_bytes=10_000, seconds=5)

    async def ask() -> int:
        async with listening(Canary(answer(file()))) as canary:
            at = f"http://127.0.0.1:{canary.port}/"
            controls = [{"model": "lines", "image": at}] * 2
            await asked_for(catalog, BODY | {"image": at, "controls": controls, "strength": 0.5}, fetch.get)
            return len(canary.asked)

    assert asyncio.run(ask()) == 1
    many = [f"http://127.0.0.1/{number}" for number in range(17)]
    prompts = [{"model": "looks", "images": many[start : start + 5]} for start in range(0, 17, 5)]
    plain = base64.b64encode(file()).decode()
    with pytest.raises(BodyInvalid):
        asyncio.run(asked_for(catalog, BODY | {"image": plain, "image_prompts": prompts}, fetch.get))
