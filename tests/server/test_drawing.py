"""The whole way, from a request over HTTP through the real worker and the shapes model to a picture."""

import base64
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from pipelines.catalog import Catalog, default_file
from server.app import create_app
from server.settings import Settings
from tests.judge import look
from tests.server.serving import KEY, running

pytestmark = pytest.mark.draws
JOBS = "/darkroom/v1/jobs"
STAR: dict[str, Any] = {"task": "text_to_image", "prompt": "a big yellow star on a black background", "seed": 11}
PICTURE = {"Accept": "image/png"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server that is ready to draw with the shapes model."""
    from pipelines.engine.inline import InlineWorker

    folder: Path = tmp_path_factory.mktemp("drawing")
    settings = Settings(data=folder, admin_key=KEY, device="cpu")
    catalog = Catalog.load(default_file(), folder / "models")
    assert catalog.is_installed(catalog.get("shapes-xl")), "the weights of shapes-xl are missing: scripts/train_demo"
    app = create_app(settings, catalog, InlineWorker(catalog, "cpu"))
    headers = {"X-API-Key": KEY}
    with running(app) as url, httpx.Client(base_url=url, headers=headers, timeout=120, trust_env=False) as client:
        while (health := client.get("/readyz").json())["status"] != "ready":
            assert health["state"] == "starting"
            time.sleep(0.1)
        yield client


def test_the_background_is_the_one_in_the_prompt(client: httpx.Client) -> None:
    answer = client.post(JOBS, json=STAR, headers=PICTURE)
    assert look(Image.open(io.BytesIO(answer.content))).background == "black"
    assert answer.headers["x-darkroom-model"] == "shapes-xl"


def test_a_seed_draws_its_picture_again_and_another_seed_another(client: httpx.Client) -> None:
    first, again, other = (client.post(JOBS, json=STAR | {"seed": seed}, headers=PICTURE).content for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_each_of_several_pictures_is_the_one_of_its_seed(client: httpx.Client) -> None:
    asked = {"prompt": STAR["prompt"], "seed": 5, "n": 3, "response_format": "b64_json"}
    data = client.post("/v1/images/generations", json=asked).json()["data"]
    assert [item["seed"] for item in data] == [5, 6, 7]
    assert len({item["b64_json"] for item in data}) == 3
    image = Image.open(io.BytesIO(base64.b64decode(data[0]["b64_json"])))
    assert image.size == (128, 128)


def test_requests_at_once_are_all_answered(client: httpx.Client) -> None:
    with ThreadPoolExecutor(4) as threads:
        posts = [threads.submit(client.post, JOBS, json=STAR | {"seed": seed}, headers=PICTURE) for seed in range(4)]
    answers = [post.result() for post in posts]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.content for answer in answers}) == 4


def test_a_size_that_the_model_does_not_draw_is_enlarged_to(client: httpx.Client) -> None:
    asked = {"prompt": STAR["prompt"], "size": "600x300", "response_format": "b64_json"}
    answer = client.post("/v1/images/generations", json=asked)
    image = Image.open(io.BytesIO(base64.b64decode(answer.json()["data"][0]["b64_json"])))
    assert image.size == (600, 300)
    assert answer.headers["x-darkroom-rendered-size"] != "600x300"


def test_a_cancelled_job_ends_as_cancelled(client: httpx.Client) -> None:
    location = client.post(JOBS, json=STAR | {"steps": 100, "count": 4}).headers["location"]
    client.delete(location)
    while (job := client.get(location).json())["state"] in ("queued", "running"):
        time.sleep(0.05)
    assert job["state"] == "cancelled"
    assert job["progress"]["step"] < 100
