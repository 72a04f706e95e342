"""Pictures worked on over HTTP: what comes back as a file, what as facts, and what is refused."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from pipelines.catalog import Catalog, default_file
from pipelines.engine.inline import InlineWorker
from tests.over_http import JOBS, client_of


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Of a server with the embedded models and the real worker."""
    data = tmp_path_factory.mktemp("data")
    catalog = Catalog.load(default_file(), Path(data) / "no-models")
    worker = InlineWorker(catalog, "cpu")
    with client_of(data, catalog, worker) as client:
        yield client


def encoded(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


HALF_CLEAR = Image.new("RGBA", (40, 24), (255, 0, 0, 255))
HALF_CLEAR.paste((0, 0, 0, 0), (20, 0, 40, 24))
RED = {"image": encoded(Image.new("RGB", (40, 24), "red"))}
CLEAR = {"image": encoded(HALF_CLEAR)}


def picture(client: httpx.Client, body: dict[str, Any], media_type: str = "image/png") -> Image.Image:
    answer = client.post(JOBS, json=body, headers={"Accept": media_type})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type), answer.text
    return Image.open(io.BytesIO(answer.content))


@pytest.mark.parametrize(
    ("body", "size", "colour"),
    [
        ({"task": "upscale", "mode": "fast", "factor": 2}, (80, 48), (255, 0, 0)),
        ({"task": "upscale", "width": 100}, (100, 60), (255, 0, 0)),
        ({"task": "filter", "filters": [{"name": "invert"}]}, (40, 24), (0, 255, 255)),
        ({"task": "filter", "filters": [{"name": "brightness", "value": 0}]}, (40, 24), (0, 0, 0)),
        ({"task": "crop", "width": 16, "height": 16, "mode": "center"}, (16, 16), (255, 0, 0)),
        ({"task": "crop", "width": 16, "height": 48, "focus": [1, 0]}, (16, 48), (255, 0, 0)),
    ],
)
def test_a_job_gives_the_picture(
    client: httpx.Client, body: dict[str, Any], size: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    image = picture(client, body | RED)
    assert image.size == size
    assert image.convert("RGB").getcolors() == [(size[0] * size[1], colour)]


def test_transparency_survives_as_png_and_lies_on_white_as_jpeg(client: httpx.Client) -> None:
    body = {"task": "upscale", "mode": "fast", "factor": 2} | CLEAR
    assert picture(client, body).getchannel("A").getpixel((70, 10)) == 0
    flat = picture(client, body, "image/jpeg").convert("RGB").getpixel((75, 10))
    assert flat == pytest.approx((255, 255, 255), abs=3)


def test_a_description_comes_as_facts_of_the_job(client: httpx.Client) -> None:
    job = client.post(JOBS, json={"task": "describe"} | RED, headers={"Prefer": "wait=30"}).json()
    assert (job["state"], job["images"]) == ("succeeded", [])
    assert job["facts"]["colours"] == [{"hex": "#ff0000", "share": 1.0}]
    assert len(job["facts"]["perceptual_hash"]) == 16


def test_what_was_not_drawn_has_neither_seed_nor_facts(client: httpx.Client) -> None:
    body = {"task": "filter", "filters": [{"name": "invert"}]} | RED
    job = client.post(JOBS, json=body, headers={"Prefer": "wait=30"}).json()
    assert (job["model"], job["facts"], job["images"][0]["seed"]) == (None, None, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"task": "upscale"}, "image"),
        ({"task": "upscale", "factor": 3} | RED, "factor"),
        ({"task": "upscale", "model": "shapes-xl"} | RED, "model"),
        ({"task": "upscale", "mode": "magic"} | RED, "mode"),
        ({"task": "upscale", "width": 100_000} | RED, "width"),
        ({"task": "filter", "filters": []} | RED, "filters"),
        ({"task": "filter", "filters": [{"name": "swirl"}]} | RED, "filters"),
        ({"task": "filter", "filters": [{"name": "blur", "radius": "wide"}]} | RED, "filters"),
        ({"task": "filter", "filters": [{"name": "blur", "power": 3}]} | RED, "filters"),
        ({"task": "crop", "width": 10} | RED, "height"),
        ({"task": "crop", "width": 10, "height": 10, "focus": [2, 0]} | RED, "focus"),
        ({"task": "describe", "image": "bm90IGEgcGljdHVyZQ=="}, "image"),
    ],
)
def test_what_cannot_be_done_is_a_400_that_names_the_field(
    client: httpx.Client, body: dict[str, Any], field: str
) -> None:
    answer = client.post(JOBS, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"].split(".")[0] == field, answer.text


STAR = {"task": "text_to_image", "prompt": "a red star", "steps": 2, "seed": 7, "count": 1}


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/webp"])
def test_the_file_says_what_drew_it_and_is_drawn_again_from_that(client: httpx.Client, media_type: str) -> None:
    from pipelines.provenance import embedded_recipe, embedded_text
    from pipelines.recipe import read

    drawn = picture(client, STAR, media_type)
    assert embedded_text(drawn).startswith("a red star\n")
    task = read(embedded_recipe(drawn))
    assert (task.prompt, task.seed, task.steps, task.model) == ("a red star", 7, 2, "shapes-xl")


def test_the_file_says_nothing_where_that_is_asked_for(client: httpx.Client) -> None:
    drawn = picture(client, STAR | {"metadata": False})
    drawn.load()
    assert drawn.info == {}
