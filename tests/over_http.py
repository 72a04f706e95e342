"""What tests that draw over HTTP share: a server around a worker, tasks as requests, many requests at once."""

import base64
import io
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
from PIL import Image

from pipelines.canvas import picture_of
from pipelines.catalog import Catalog
from pipelines.engine.protocol import Worker
from pipelines.tasks import ImageToImage, Inpaint, Outpaint, Raster, Task, TextToImage
from server.app import create_app
from server.settings import Settings
from tests.server.serving import KEY, running

JOBS = "/darkroom/v1/jobs"
PATIENCE_SECONDS = 240
TASKS = {
    TextToImage: "text_to_image",
    ImageToImage: "image_to_image",
    Inpaint: "inpaint",
    Outpaint: "outpaint",
}
Result = TypeVar("Result")


@contextmanager
def client_of(data: Path, catalog: Catalog, worker: Worker, **settings: Any) -> Iterator[httpx.Client]:
    """A client with a key, of a server that is ready to draw."""
    limits, headers = httpx.Limits(max_connections=None), {"X-API-Key": KEY}
    with (
        running(create_app(Settings(data=data, admin_key=KEY, **settings), catalog, worker)) as url,
        httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False, limits=limits) as client,
    ):
        while (health := client.get("/readyz").json())["status"] != "ready":
            assert health["state"] != "failed"
            time.sleep(0.1)
        yield client


def body_of(task: Task) -> dict[str, Any]:
    """The request that asks for the task."""
    given = {name: getattr(task, name, None) for name in ("image", "mask")}
    pictures = {name: encoded(value) for name, value in given.items() if isinstance(value, Raster)}
    return {**asdict(task), **pictures, "task": TASKS[type(task)]}


def encoded(raster: Raster) -> str:
    file = io.BytesIO()
    picture_of(raster).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def drawn(client: httpx.Client, body: dict[str, Any]) -> Image.Image:
    """The first picture of the job that `body` asks for."""
    answer = client.post(JOBS, json=body, headers={"Accept": "image/png"})
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content)).convert("RGB")


def all_drawn(client: httpx.Client, tasks: Sequence[Task]) -> list[Image.Image]:
    """The first picture of each task, all asked for at once."""
    return at_once([partial(drawn, client, body_of(task)) for task in tasks])


def at_once(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """Each in a thread of its own; the results in the order of the calls."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result() for future in [threads.submit(call) for call in calls]]
