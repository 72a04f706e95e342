"""What a case cannot bring about in the dialect of /v0, or would have to draw too much for."""

import base64
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from pipelines.catalog import Catalog, Resolution, default_file
from pipelines.sizes import SizePlan, plan
from pipelines.tasks import TextToImage
from server.dialects.images_v0.sizes import LONG_SIDE_4K, RATIOS, pixels
from tests.server.serving import KEY, Serve, Served, leaving, newcomer, until

GENERATIONS, LIBRARY, USAGE = "/v0/images/generations", "/v0/images/library", "/v0/usage"
DOCUMENT = Path(__file__).parents[2] / "docs" / "apis" / "images_v0.md"
STAR = {"prompt": "a red star"}
ANYTHING = (True, 7, -1, 1.5, 2**70, "\0", "x" * 5000, [], [[]], [None] * 6, {}, {"a": {}})
RESOLUTIONS: tuple[Resolution, ...] = ("low", "standard", "high", "4k")
CATALOG = Catalog.load(default_file(), Path("no-models"))
MODELS = ("stable-diffusion-xl-base-1.0", "shapes-xl")
BEYOND = {"1:8", "8:1"}  # longer than what either model draws


def picture(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(file, "PNG")
    return file.getvalue()


def text(colour: str) -> str:
    return base64.b64encode(picture(colour)).decode()


def asked(served: Served, body: dict[str, Any], **more: Any) -> httpx.Response:
    return served.client.post(GENERATIONS, json=body, **more)


def shown(served: Served, job: str) -> dict[str, Any]:
    data: dict[str, Any] = served.client.get(f"{GENERATIONS}/{job}").raise_for_status().json()["data"]
    return data


def drawn(served: Served) -> TextToImage:
    task = served.worker.tasks[-1]
    assert isinstance(task, TextToImage)
    return task


def looked_at(task: TextToImage) -> list[list[str]]:
    """The colours of the pictures of each image prompt."""
    return [[f"#{image.pixels[:3].hex()}" for image in prompt.images] for prompt in task.image_prompts]


def saved(served: Served, **fields: Any) -> str:
    preset = {"name": "Star", "description": "A star.", "prompt": "a star"} | fields
    answer = served.client.post("/darkroom/v1/presets", json=preset)
    return str(answer.raise_for_status().json()["id"])


def kept(made: SizePlan) -> float:
    """The share of what is drawn that `pipelines.sizes.finish` leaves of it."""
    across, down = made.render_width / made.width, made.render_height / made.height
    is_cut = made.render_width - made.width in range(8) and made.render_height - made.height in range(8)
    return 1 / (across * down) if is_cut else min(across / down, down / across)


def spent(served: Served) -> dict[str, Any]:
    credits: dict[str, Any] = served.client.get(USAGE).raise_for_status().json()["data"]["credits"]
    return credits


def test_what_takes_too_long_is_told_with_its_job_which_goes_on(serve: Serve) -> None:
    served = serve(request_seconds=0.5)
    served.worker.hold()
    answer = asked(served, STAR)
    job = answer.json()["jobId"]
    assert (answer.status_code, answer.json()) == (
        504,
        {
            "error": "Generation timed out after 0.5s",
            "jobId": job,
            "hint": f"GET /v0/images/generations/{job} to check status",
        },
    )
    until(lambda: shown(served, job)["status"] == "active")
    queued = asked(served, STAR, params={"async": "true"}).json()["data"]["id"]
    assert shown(served, queued).keys() == {"id", "status", "created", "model"}
    assert shown(served, queued)["status"] == "queued"
    served.worker.let_go()
    until(lambda: shown(served, queued)["status"] == "completed")
    assert len(shown(served, job)["data"]) == 1


def test_a_client_that_leaves_finds_its_pictures_in_the_library(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    with leaving(served, GENERATIONS, STAR):
        served.worker.await_running()
    served.worker.let_go()
    until(lambda: served.client.get(LIBRARY).json()["data"]["total"] == 1)


def test_what_fails_is_told_and_costs_nothing(serve: Serve) -> None:
    served = serve()
    served.worker.failing = ("drawing_failed", "The drawing failed.")
    answer = asked(served, STAR)
    assert (answer.status_code, answer.json()) == (500, {"error": "The drawing failed."})
    job = asked(served, STAR, params={"async": "1"}).json()["data"]["id"]
    until(lambda: shown(served, job)["status"] == "failed")
    assert shown(served, job) == {"id": job, "status": "failed", "error": "The drawing failed."}
    assert spent(served) == {"remaining": None, "used": 0, "reserved": 0, "granted": 0}


@pytest.mark.parametrize(("resolution", "credits"), [("low", 3), ("standard", 3), ("high", 6)])
def test_each_resolution_has_its_price_whatever_its_pixels(serve: Serve, resolution: str, credits: int) -> None:
    served = serve()
    served.worker.hold()
    job = asked(served, STAR | {"resolution": resolution, "aspectRatio": "8:1", "sampleCount": 3}, params={"async": 1})
    assert spent(served)["reserved"] == credits
    served.worker.let_go()
    until(lambda: spent(served)["used"] == credits)
    assert shown(served, job.json()["data"]["id"])["usage"] == {"credits": credits}


def test_who_cannot_pay_is_told_before_anything_is_drawn(serve: Serve) -> None:
    served = serve()
    served.client.post("/darkroom/v1/accounts/admin/grants", json={"credits": 1.5}).raise_for_status()
    served.client.put("/darkroom/v1/accounts/admin/quota", json={"credits": 0}).raise_for_status()
    answer = asked(served, STAR | {"resolution": "high"})
    assert (answer.status_code, list(answer.json())) == (402, ["error"])
    assert asked(served, STAR).status_code == 200
    assert spent(served) == {"remaining": 0.5, "used": 1, "reserved": 0, "granted": 1.5}


@pytest.mark.parametrize("model", MODELS)
def test_the_table_in_the_document_is_what_comes_out(model: str) -> None:
    table = re.findall(r"^\| `([\d.:]+)` \|(.+)\|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    told = {ratio: [cell.strip() for cell in cells.split("|")] for ratio, cells in table}
    first = 3 * MODELS.index(model)
    assert tuple(told) == RATIOS
    for ratio in RATIOS:
        sizes = ["{}x{}".format(*pixels(ratio, each, CATALOG.get(model))) for each in RESOLUTIONS]
        assert [*told[ratio][first : first + 3], told[ratio][-1]] == sizes, ratio


@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("model", MODELS)
def test_no_more_than_two_percent_of_what_is_drawn_is_cut_off(model: str, resolution: Resolution) -> None:
    entry = CATALOG.get(model)
    for ratio in RATIOS:
        width, height = pixels(ratio, resolution, entry)
        share = kept(plan(width, height, entry))
        across, down = map(float, ratio.split(":"))
        assert abs(width - height * across / down) <= 0.5 * max(1, across / down) + 1e-9, ratio
        assert share >= (0.5 if ratio in BEYOND else 0.98), ratio
        assert resolution != "4k" or max(width, height) == LONG_SIDE_4K


def test_a_preset_says_shape_resolution_and_model_until_the_caller_does(serve: Serve) -> None:
    served = serve()
    preset = saved(served, ratio="4:1", resolution="low", model="flat", negative_prompt="text")
    asked(served, {"presetId": preset, "prompt": "red", "negativePrompt": "watermark"}).raise_for_status()
    task = drawn(served)
    assert (task.width, task.height, task.prompt, task.negative_prompt) == (128, 32, "a star, red", "text, watermark")
    asked(served, {"presetId": preset, "aspectRatio": "1:4", "resolution": "high"}).raise_for_status()
    assert (drawn(served).width, drawn(served).height) == (128, 512)
    assert asked(served, {"presetId": preset, "modelVersion": "absent"}).status_code == 503
    asked(served, {"presetId": saved(served, template="instagram_story")}).raise_for_status()
    assert drawn(served).width < drawn(served).height
    asked(served, {"presetId": saved(served, template="linkedin_post")}).raise_for_status()
    assert drawn(served).width / drawn(served).height == pytest.approx(1.91, rel=0.01), "a shape of its own"
    assert asked(served, {"presetId": saved(served, ratio="1.91:1")}).status_code == 400


def test_a_style_of_a_preset_adds_its_words_behind(serve: Serve) -> None:
    served = serve()
    asked(served, {"presetId": saved(served, style="photographic")}).raise_for_status()
    assert drawn(served).prompt.startswith("a star, ")


def test_presets_of_others_are_not_there(serve: Serve) -> None:
    served = serve()
    answer = asked(served, {"presetId": saved(served)}, headers=newcomer(served))
    assert (answer.status_code, list(answer.json())) == (404, ["error"])


def test_references_are_looked_at_side_by_side_by_an_ip_adapter(serve: Serve) -> None:
    served = serve()
    body = {
        **STAR,
        "refImageBase64": [{"mimeType": "image/png", "data": text("red")}, {"mimeType": "?", "data": text("lime")}],
        "refImageUrls": [f"data:image/png;base64,{text('blue')}"],
    }
    answer = asked(served, body).raise_for_status()
    assert looked_at(drawn(served)) == [["#ff0000", "#00ff00", "#0000ff"]]
    assert "x-darkroom-warning" not in answer.headers


def test_files_of_a_form_come_first_in_the_order_of_requirements_and_numbers(serve: Serve) -> None:
    served = serve()
    label = {"type": "file", "label": "Pictures", "required": False}
    preset = saved(served, requirements={"front": label | {"multiple": True}, "back_1": label})
    files = [(name, picture(colour)) for name, colour in (("back_1", "red"), ("front_10", "lime"), ("front_2", "blue"))]
    form = {"presetId": preset, "variables": "{}", "refImageUrls": [f"data:image/png;base64,{text('black')}"] * 3}
    answer = served.client.post(GENERATIONS, data=form, files=files)
    assert answer.status_code == 200, answer.text
    colours = ["#0000ff", "#00ff00", "#ff0000", *["#000000"] * 3]
    assert looked_at(drawn(served)) == [colours[:5], colours[5:]]
    assert [prompt.scale for prompt in drawn(served).image_prompts] == [0.5, 0.5]
    for wrong in ("back", "side", "prompt"):
        answer = served.client.post(GENERATIONS, data={"presetId": preset}, files={wrong: picture("red")})
        assert (answer.status_code, list(answer.json())) == (400, ["error"]), wrong
    answer = served.client.post(GENERATIONS, data={"presetId": preset}, files=[("back_1", picture("red"))] * 2)
    assert answer.status_code == 400


def test_a_form_may_have_every_field_that_json_has(serve: Serve) -> None:
    served = serve()
    form = {
        **STAR,
        "negativePrompt": "text",
        "presetId": "",
        "aspectRatio": "2:1",
        "resolution": "high",
        "sampleCount": "2",
        "modelVersion": "flat",
        "isPublic": "true",
        "refImageBase64": json.dumps([{"mimeType": "image/png", "data": text("red")}]),
    }
    data = served.client.post(GENERATIONS, files={name: (None, value) for name, value in form.items()}).json()["data"]
    assert [(image["width"], image["height"]) for image in data["data"]] == [(352, 176)] * 2
    image = served.client.get(f"{LIBRARY}/{data['data'][0]['id']}").json()["data"]
    assert (image["isPublic"], image["userPrompt"], drawn(served).negative_prompt) == (True, "a red star", "text")
    assert looked_at(drawn(served)) == [["#ff0000"]]


def test_a_signed_address_of_ours_is_read_and_a_wrong_one_gives_nothing(serve: Serve) -> None:
    served = serve()
    image = asked(served, STAR).json()["data"]["data"][0]["id"]
    url = served.client.post(f"/darkroom/v1/images/{image}/links", json={}).json()["url"]
    asked(served, STAR | {"refImageUrls": [url]}).raise_for_status()
    assert len(looked_at(drawn(served))[0]) == 1
    nothing = [f"{served.url}/files/{rest}" for rest in ("", "signed/", "nothing.webp")]
    for wrong in (f"{url}A", url.replace(image, "image_nothing"), *nothing):
        answer = asked(served, STAR | {"refImageUrls": [wrong]})
        assert (answer.status_code, list(answer.json())) == (400, ["error"]), wrong


def test_what_is_null_is_left_out_and_what_is_strange_is_named(serve: Serve) -> None:
    nothing = ("negativePrompt", "presetId", "variables", "aspectRatio", "resolution", "sampleCount", "modelVersion")
    more = ("isPublic", "refImageBase64", "refImageUrls")
    answer = asked(serve(), STAR | dict.fromkeys((*nothing, *more)) | {"seed": 7, "style": "x"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-darkroom-ignored-fields"] == "seed, style"


@pytest.mark.parametrize("value", ANYTHING, ids=lambda value: repr(value)[:20])
def test_no_field_takes_just_anything(shared: Served, value: object) -> None:
    """Never a fault of the server, never another form of error."""
    for field in ("prompt", "negativePrompt", "presetId", "variables", "aspectRatio", "resolution", "sampleCount",
                  "modelVersion", "isPublic", "refImageBase64", "refImageUrls"):  # fmt: skip
        answer = shared.client.post(GENERATIONS, content=json.dumps(STAR | {field: value}), params={"async": "true"})
        assert answer.status_code in (200, 400, 404), (field, answer.text)
        assert list(answer.json()) == (["data"] if answer.status_code == 200 else ["error"]), field


def test_a_picture_that_was_uploaded_is_in_the_library_and_says_so(serve: Serve) -> None:
    served = serve()
    upload = served.client.post("/darkroom/v1/images", json={"image": text("red")}).raise_for_status().json()["id"]
    image = served.client.get(f"{LIBRARY}/{upload}").json()["data"]
    assert (image["sourceType"], image["presetId"], image["modelVersion"]) == ("upload", None, None)
    answer = served.client.get(f"{LIBRARY}/{upload}/download")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == f'attachment; filename="{upload}.png"'
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_addresses_of_pictures_need_no_key(serve: Serve) -> None:
    served = serve()
    asked(served, STAR).raise_for_status()
    image = served.client.get(LIBRARY).json()["data"]["images"][0]
    with httpx.Client(trust_env=False) as nobody:
        assert nobody.get(image["url"]).headers["content-type"] == "image/webp"
        small = nobody.get(image["thumbnailUrl"])
    assert (small.status_code, small.headers["content-type"]) == (200, "image/webp")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_calls_by_curl_as_the_document_has_them(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    preset = saved(served, requirements={"photo": {"type": "file", "label": "Photographs", "multiple": True}})
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(picture("red"))

    def curl(path: str, *options: str) -> bytes:
        key = ("-H", f"Authorization: Bearer {KEY}")
        command = ["curl", "-sS", "--fail-with-body", "--noproxy", "*", "-m", "30", f"{served.url}{path}", *key]
        return subprocess.run([*command, *options], cwd=tmp_path, check=True, stdout=subprocess.PIPE).stdout

    assert json.loads(curl("/v0/usage"))["data"]["credits"]["used"] == 0
    as_json = ("-H", "Content-Type: application/json", "-d", json.dumps(STAR | {"aspectRatio": "16:9"}))
    made = json.loads(curl(GENERATIONS, *as_json))["data"]
    queued = json.loads(curl(f"{GENERATIONS}?async=true", *as_json))["data"]
    assert queued["status"] == "queued"
    until(lambda: json.loads(curl(f"{GENERATIONS}/{queued['id']}"))["data"]["status"] == "completed")
    form = ("-F", "prompt=on a table", "-F", f"presetId={preset}", "-F", "variables={}")
    files = ("-F", "photo_0=@./a.png", "-F", "photo_1=@./b.png")
    assert json.loads(curl(GENERATIONS, *form, *files))["data"]["usage"] == {"credits": 1}
    image = made["data"][0]["id"]
    assert json.loads(curl(f"{LIBRARY}/{image}"))["data"]["id"] == image
    assert json.loads(curl(f"{LIBRARY}?page=1&limit=20"))["data"]["total"] == 3
    with Image.open(io.BytesIO(curl(f"{LIBRARY}/{image}/download"))) as file:
        assert file.format == "WEBP"
