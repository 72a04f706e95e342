"""Events of OpenAI's API, as its own clients read them: previews while a picture emerges, each picture, and errors."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from pipelines.engine.protocol import Previewed, Progressed
from pipelines.tasks import Raster
from server.jobs import MOST_FOLLOWED, Jobs, State
from server.keys import ADMIN
from tests.dialects.pictures import mask_with_hole, opened, plain
from tests.promises.mortal import QuickWorker
from tests.server.serving import KEY, Serve, Served, application, until
from tests.server.worker import StepWorker, flat_colour

GENERATIONS, EDITS, JOBS = "/v1/images/generations", "/v1/images/edits", "/darkroom/v1/jobs"
STAR = {"prompt": "a red star", "stream": True}


@pytest.fixture
def client(shared: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{shared.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def names(answer: httpx.Response) -> list[str]:
    return [line.removeprefix("event: ") for line in answer.text.splitlines() if line.startswith("event: ")]


def states(served: Served) -> list[str]:
    return [job["state"] for job in served.client.get(JOBS, params={"limit": 100}).json()["jobs"]]


def test_without_previews_there_is_one_event_a_picture(client: openai.OpenAI) -> None:
    events = list(client.images.generate(prompt="a red star", n=2, size="64x96", stream=True, extra_body={"seed": 7}))
    assert [event.type for event in events] == ["image_generation.completed"] * 2
    for event, seed in zip(events, (7, 8), strict=True):
        picture = opened(event.b64_json)
        assert (picture.size, picture.tobytes()[:3]) == ((64, 96), flat_colour(seed))
        assert (event.size, event.quality, event.background, event.output_format) == (
            "64x96",
            "medium",
            "opaque",
            "png",
        )
        assert event.created_at > 0
        assert event.model_dump()["usage"] is None, "nobody counted tokens"


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp"])
def test_previews_come_while_the_picture_emerges(serve: Serve, format_: Any) -> None:
    served = serve()
    served.worker.hold()
    asked = {"prompt": "a red star", "output_format": format_, "size": "64x96"}
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=KEY, max_retries=0) as client:
        events = client.images.generate(stream=True, partial_images=3, **asked)
        served.worker.await_running()
        job = served.client.get(JOBS).json()["jobs"][0]["id"]
        assert served.worker.terms[-1].previews
        for index, step in enumerate((2, 4, 6)):
            served.worker.tell(Progressed(job, step, 8))
            served.worker.tell(Previewed(job, Raster(2, 3, bytes([40 * index] * 18))))
            event = next(events)
            assert event.type == "image_generation.partial_image"
            assert event.partial_image_index == index
            preview = opened(event.b64_json)
            assert (preview.size, preview.format) == ((64, 96), format_.upper())
            assert abs(preview.convert("L").getpixel((9, 9)) - 40 * index) <= 2  # type: ignore[operator]
            assert (event.size, event.output_format) == ("64x96", format_)
        served.worker.let_go()
        assert [event.type for event in events] == ["image_generation.completed"]


def test_previews_are_spread_over_the_steps_and_no_more_than_asked_for(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    with served.client.stream("POST", GENERATIONS, json=STAR | {"partial_images": 1}) as answer:
        served.worker.await_running()
        job = served.client.get(JOBS).json()["jobs"][0]["id"]
        for step in (1, 2, 3):
            served.worker.tell(Progressed(job, step, 8))
            served.worker.tell(Previewed(job, Raster(1, 1, bytes([step] * 3))))
        lines = answer.iter_lines()
        served.worker.tell(Progressed(job, 5, 8))
        served.worker.tell(Previewed(job, Raster(1, 1, b"\xc8\xc8\xc8")))
        assert next(lines) == "event: image_generation.partial_image"
        seen = json.loads(next(lines).removeprefix("data: "))
        assert opened(seen["b64_json"]).getpixel((0, 0)) == (200, 200, 200), "not one of those before the middle"
        served.worker.tell(Progressed(job, 7, 8))
        served.worker.tell(Previewed(job, Raster(1, 1, bytes(3))))
        served.worker.let_go()
        rest = [line for line in lines if line.startswith("event")]
    assert rest == ["event: image_generation.completed"]


def test_an_edit_has_names_of_its_own(client: openai.OpenAI) -> None:
    files = {"image": ("a.png", plain()), "mask": ("m.png", mask_with_hole((64, 64), (8, 8, 40, 40)))}
    events = list(client.images.edit(prompt="a red star", stream=True, partial_images=0, **files))  # type: ignore[call-overload]
    assert [event.type for event in events] == ["image_edit.completed"]
    assert opened(events[0].b64_json).size == (64, 64)


def test_the_asynchronous_client_reads_the_same(shared: Served) -> None:
    async def read() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{shared.url}/v1", api_key=KEY, max_retries=0) as client:
            whole = await client.images.generate(prompt="a red star", response_format="b64_json")
            assert opened((whole.data or [])[0].b64_json or "").size == (128, 128)
            stream = await client.images.generate(prompt="a red star", stream=True)
            return [event.type async for event in stream]

    assert asyncio.run(read()) == ["image_generation.completed"]


def test_a_stream_s_background_goes_too(serve: Serve) -> None:
    answer = serve(QuickWorker()).client.post(GENERATIONS, json=STAR | {"background": "transparent", "seed": 4})
    assert names(answer) == ["image_generation.completed"]
    told = json.loads(answer.text.split("data: ")[1])
    assert (told["background"], told["seed"]) == ("transparent", 4)


def test_what_is_refused_before_it_is_drawn_has_a_status_of_its_own(client: openai.OpenAI, shared: Served) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(prompt="a red star", stream=True, size="huge")
    assert caught.value.param == "size"
    answer = shared.client.post(GENERATIONS, json=STAR | {"model": "absent"})
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/json")


def test_what_goes_wrong_later_is_an_event_that_the_client_raises(serve: Serve) -> None:
    worker = StepWorker()
    worker.failing = ("out_of_memory", "The device has not enough memory: ask for a smaller size.")
    with openai.OpenAI(base_url=f"{serve(worker).url}/v1", api_key=KEY, max_retries=0) as client:
        events = client.images.generate(prompt="a red star", stream=True)
        with pytest.raises(openai.APIError, match="smaller size"):
            list(events)


def test_what_takes_too_long_is_an_event_and_is_drawn_no_longer(serve: Serve) -> None:
    served = serve(request_seconds=0.5)
    served.worker.hold()
    answer = served.client.post(GENERATIONS, json=STAR)
    assert names(answer) == ["error"]
    assert '"code":"job_too_slow"' in answer.text
    until(lambda: states(served) == ["cancelled"])


def test_whoever_stops_reading_stops_the_drawing(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    with served.client.stream("POST", GENERATIONS, json=STAR):
        served.worker.await_running()
    until(lambda: states(served) == ["cancelled"])


def test_whoever_is_gone_before_the_stream_begins_stops_the_drawing_too(tmp_path: Path) -> None:
    worker = StepWorker()
    worker.hold()
    app = application(tmp_path, worker)
    messages = [{"type": "http.request", "body": json.dumps(STAR).encode()}, {"type": "http.disconnect"}]
    headers = [(b"x-api-key", KEY.encode()), (b"host", b"here")]
    scope = {"type": "http", "method": "POST", "path": GENERATIONS, "query_string": b"", "headers": headers}

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(message: Any) -> None:
        pass

    async def ask() -> State:
        async with app.router.lifespan_context(app):
            await app({"asgi": {"spec_version": "2.3"}, "scheme": "http", "root_path": ""} | scope, receive, send)
            jobs: Jobs = app.state.parts.jobs
            (job,) = await jobs.page(ADMIN, 2)
            return (await jobs.wait(job, 30)).state

    assert asyncio.run(ask()) is State.CANCELLED


def test_too_many_streams_are_refused_and_none_leaves_a_job(serve: Serve) -> None:
    served = serve(max_queue=MOST_FOLLOWED + 8)
    served.worker.hold()
    with ExitStack() as stack:
        for _ in range(MOST_FOLLOWED):
            stack.enter_context(served.client.stream("POST", GENERATIONS, json=STAR))
        refused = served.client.post(GENERATIONS, json=STAR)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    until(lambda: states(served) == ["cancelled"] * (MOST_FOLLOWED + 1))
