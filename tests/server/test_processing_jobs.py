"""Pictures worked on over HTTP: what comes back as a file, what as facts, and what is refused."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo

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


def encoded(image: Image.Image, format_: str = "PNG", **options: Any) -> str:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return base64.b64encode(file.getvalue()).decode()


HALF_CLEAR = Image.new("RGBA", (40, 24), (255, 0, 0, 255))
HALF_CLEAR.paste((0, 0, 0, 0), (20, 0, 40, 24))
RED = {"image": encoded(Image.new("RGB", (40, 24), "red"))}
CLEAR = {"image": encoded(HALF_CLEAR)}


def picture(client: httpx.Client, body: dict[str, Any], media_type: str = "image/png") -> Image.Image:
    answer = client.post(JOBS, json=body, headers={"Accept": media_type})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type), answer.text
    return Image.open(io.BytesIO(answer.content))


def is_by_network(body: dict[str, Any]) -> bool:
    """Whether the embedded upscaler had a part in it, which is not exact to the level."""
    return body["task"] == "upscale" and body.get("mode") != "fast"


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
    [(count, found)] = image.convert("RGB").getcolors()
    assert count == size[0] * size[1]
    assert found == (pytest.approx(colour, abs=8) if is_by_network(body) else colour)


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


def test_a_description_says_what_the_file_says_of_how_it_was_made(client: httpx.Client) -> None:
    text = PngInfo()
    text.add_text("parameters", "a star\nNegative prompt: blue\nSteps: 4, Sampler: Euler, Seed: 7")
    told = encoded(Image.new("RGB", (40, 24), "red"), pnginfo=text)
    facts = [
        client.post(JOBS, json={"task": "describe", "image": image}, headers={"Prefer": "wait=60"}).json()["facts"]
        for image in (told, RED["image"])
    ]
    assert (facts[0]["embedded"]["prompt"], facts[0]["embedded"]["negative_prompt"]) == ("a star", "blue")
    assert {"name": "Seed", "value": "7"} in facts[0]["embedded"]["settings"]
    assert facts[1]["embedded"] is None
    assert facts[1]["caption"] is facts[1]["objects"] is facts[1]["nsfw_score"] is facts[1]["aesthetic_score"] is None
    assert facts[1]["faces"] == []


def test_an_annotation_is_white_lines_on_black(client: httpx.Client) -> None:
    halves = Image.new("RGB", (40, 24), "black")
    halves.paste("white", (20, 0, 40, 24))
    lines = picture(client, {"task": "annotate", "annotator": "canny", "image": encoded(halves)}).convert("L")
    assert max(lines.getpixel((x, 12)) for x in (19, 20)) == 255  # type: ignore[type-var]
    assert {lines.getpixel((x, 12)) for x in (2, 10, 30, 38)} == {0}


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/webp"])
@pytest.mark.parametrize("asked", [{"keep_metadata": True}, {}, {"keep_metadata": True, "metadata": False}], ids=str)
def test_a_filtered_picture_keeps_its_metadata_where_that_is_asked_for(
    client: httpx.Client, media_type: str, asked: dict[str, bool]
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist], exif[ExifTags.Base.Orientation] = "Somebody", 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photograph = encoded(Image.new("RGB", (40, 24), "red"), "JPEG", exif=exif, icc_profile=profile)
    body = {"task": "filter", "filters": [{"name": "invert"}], "image": photograph}
    result = picture(client, body | asked, media_type)
    is_kept = asked == {"keep_metadata": True}
    assert result.size == (24, 40)
    assert result.getexif().get(ExifTags.Base.Artist) == ("Somebody" if is_kept else None)
    assert ExifTags.Base.Orientation not in result.getexif()
    assert result.info.get("icc_profile") == (profile if is_kept else None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"task": "annotate"} | RED, "annotator"),
        ({"task": "annotate", "annotator": "none"} | RED, "annotator"),
        ({"task": "restore_faces", "strength": 2} | RED, "strength"),
        ({"task": "swirl"} | RED, "task"),
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


@pytest.mark.parametrize(
    "body", [{"task": "restore_faces"}, {"task": "annotate", "annotator": "depth"}], ids=lambda body: str(body["task"])
)
def test_what_no_installed_model_does_is_refused(client: httpx.Client, body: dict[str, Any]) -> None:
    answer = client.post(JOBS, json=body | RED)
    assert answer.json()["error"]["code"] == "model_not_installed"
    assert "darkroom pull" in answer.json()["error"]["message"]


def test_the_file_says_nothing_where_that_is_asked_for(client: httpx.Client) -> None:
    drawn = picture(client, STAR | {"metadata": False})
    drawn.load()
    assert drawn.info == {}
