"""Another background and another light over HTTP: with what the server brings along, and with errors that say why."""

import base64
import io
from collections.abc import Iterator
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
    catalog = Catalog.load(default_file(), data / "no-models")
    with client_of(data, catalog, InlineWorker(catalog, "cpu")) as client:
        yield client


def encoded(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


SCENE = Image.new("RGB", (96, 64), (30, 60, 200))
SCENE.paste((220, 40, 40), (32, 16, 64, 48))
SQUARE = {"image": encoded(SCENE)}
PLAIN = {"image": encoded(Image.new("RGB", (96, 64), "blue"))}
LIME = {"background_image": encoded(Image.new("RGB", (10, 10), "lime"))}


@pytest.mark.parametrize(
    ("body", "middle", "corner"),
    [
        ({"task": "replace_background", "background": "lime"}, (220, 40, 40), (0, 255, 0)),
        ({"task": "replace_background", "background": "lime", "method": "grabcut"}, (220, 40, 40), (0, 255, 0)),
        ({"task": "replace_background", **LIME, "fit": "stretch"}, (220, 40, 40), (0, 255, 0)),
        ({"task": "relight", "light_direction": "left", "light_strength": 0}, (220, 40, 40), (30, 60, 200)),
    ],
)
def test_a_job_gives_the_picture_and_says_what_found_the_foreground(
    client: httpx.Client, body: dict[str, Any], middle: tuple[int, int, int], corner: tuple[int, int, int]
) -> None:
    job = client.post(JOBS, json=body | SQUARE, headers={"Prefer": "wait=60"}).json()
    assert (job["state"], job["facts"]["method"]) == ("succeeded", body.get("method", "network")), job
    file = client.post(JOBS, json=body | SQUARE, headers={"Accept": "image/png"})
    image = Image.open(io.BytesIO(file.content)).convert("RGB")
    assert image.getpixel((48, 32)) == pytest.approx(middle, abs=6)
    assert image.getpixel((2, 2)) == pytest.approx(corner, abs=1)


def test_a_request_sent_again_after_its_picture_was_deleted_is_told_so_although_facts_are_left(
    client: httpx.Client,
) -> None:
    body = {"task": "replace_background", "background": "lime"} | SQUARE
    headers = {"Accept": "image/png", "Idempotency-Key": "once"}
    assert client.post(JOBS, json=body, headers=headers).status_code == 200
    (image,) = client.get(JOBS, params={"limit": 1}).json()["jobs"][0]["images"]
    assert client.delete(f"/darkroom/v1/images/{image['id']}").status_code == 204
    answer = client.post(JOBS, json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "answer_gone")


def test_a_picture_without_a_foreground_is_an_error_of_its_own(client: httpx.Client) -> None:
    body = {"task": "replace_background", "background": "lime", "method": "grabcut"} | PLAIN
    answer = client.post(JOBS, json=body, headers={"Accept": "image/png"})
    assert answer.json()["error"]["code"] == "nothing_found"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"task": "replace_background"}, "prompt"),
        ({"task": "replace_background", "background": "redish"}, "background"),
        ({"task": "replace_background", "background": "red", "edge_smoothing": -1}, "edge_smoothing"),
        ({"task": "replace_background", "background_image": "bm90aGluZw=="}, "background_image"),
        ({"task": "relight"}, "prompt"),
        ({"task": "relight", "light_direction": "behind"}, "light_direction"),
        ({"task": "relight", "light_reference": "bm90aGluZw=="}, "light_reference"),
        ({"task": "search_and_recolor", "select_prompt": " ", "colour": "red"}, "select_prompt"),
        ({"task": "search_and_recolor", "select_prompt": "a star"}, "colour"),
        ({"task": "search_and_replace", "prompt": "a star"}, "search_prompt"),
        ({"task": "edit"}, "prompt"),
    ],
)
def test_what_cannot_be_done_names_the_field(client: httpx.Client, body: dict[str, Any], field: str) -> None:
    answer = client.post(JOBS, json=body | SQUARE)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field), answer.text
