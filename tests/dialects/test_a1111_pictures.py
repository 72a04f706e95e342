"""What the web UI does with given pictures: every field reaches a task, is refused or is named; nothing is drawn."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from pipelines.engine.protocol import Failed, Finished, Listener
from pipelines.tasks import (
    Annotate,
    Crop,
    Describe,
    Description,
    Picture,
    RemoveBackground,
    RestoreFaces,
    Task,
    Upscale,
)
from server.app import create_app
from server.settings import Settings
from tests.dialects.furnished import furnished_catalog
from tests.server.serving import KEY, every_kind_catalog, running
from tests.server.test_bad_pictures import REFUSED
from tests.server.test_picture_tasks import encoded
from tests.server.worker import StepWorker

CAPTION = "a red rectangle"
WIDTH, HEIGHT = 96, 64
PICTURE = encoded(Image.new("RGB", (WIDTH, HEIGHT), "red"))
DATA_URL = f"data:image/png;base64,{PICTURE}"
SINGLE, BATCH, REMBG, DETECT, INTERROGATE = (
    "/sdapi/v1/extra-single-image", "/sdapi/v1/extra-batch-images", "/rembg", "/controlnet/detect",
    "/sdapi/v1/interrogate",
)  # fmt: skip
LEAST: dict[str, dict[str, Any]] = {
    SINGLE: {"image": DATA_URL, "upscaler_1": "Lanczos"},
    BATCH: {"imageList": [{"data": DATA_URL, "name": "a"}], "upscaler_1": "Lanczos"},
    REMBG: {"input_image": DATA_URL},
    DETECT: {"controlnet_module": "canny", "controlnet_input_images": [PICTURE]},
    INTERROGATE: {"image": DATA_URL},
}


class Obliging(StepWorker):
    """Answers every kind of task with a gray picture of its size, or with a caption."""

    def _drawn(self, job_id: str, task: Task, listener: Listener) -> Finished | Failed:
        if isinstance(task, Describe):
            return Finished(job_id, (), Description((), "0" * 16, 1.0, (), caption=CAPTION))
        assert isinstance(task, Annotate | Crop | RemoveBackground | RestoreFaces | Upscale)
        size = (task.width, task.height) if isinstance(task, Crop | Upscale) else (task.image.width, task.image.height)
        return Finished(job_id, (Picture(*size, b"\x80" * 3 * size[0] * size[1], None, size, task.model),))


class Desk:
    def __init__(self, client: httpx.Client, worker: Obliging) -> None:
        self.client, self.worker = client, worker

    def asked(self, path: str, **more: Any) -> tuple[httpx.Response, list[Any]]:
        """The answer, and the tasks that it took."""
        before = len(self.worker.tasks)
        answer = self.client.post(path, json=LEAST[path] | more)
        return answer, self.worker.tasks[before:]

    def tasks(self, path: str, **more: Any) -> list[Any]:
        answer, tasks = self.asked(path, **more)
        assert answer.status_code == 200, answer.text
        return tasks


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder, worker = tmp_path_factory.mktemp("a1111"), Obliging()
    headers = {"Authorization": f"Bearer {KEY}"}
    app = create_app(Settings(data=folder, admin_key=KEY), furnished_catalog(folder), worker)
    with running(app) as url, httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
        yield Desk(client, worker)


def opened(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text, validate=True)))


@pytest.mark.parametrize(
    ("asked", "size", "model"),
    [
        ({}, (192, 128), None),
        ({"upscaling_resize": 1.5}, (144, 96), None),
        ({"upscaling_resize": 0.5}, (48, 32), None),
        ({"upscaler_1": "R-ESRGAN 4x+"}, (192, 128), "real-esrgan-x4plus"),
        ({"upscaler_1": "r-esrgan 4x+"}, (192, 128), "real-esrgan-x4plus"),
        ({"upscaler_1": "real-esrgan-x4plus"}, (192, 128), "real-esrgan-x4plus"),
        ({"upscaler_1": "RealESRGAN_x4plus"}, (192, 128), "real-esrgan-x4plus"),
        (
            {"resize_mode": 1, "upscaling_resize_w": 288, "upscaling_resize_h": 96, "upscaling_crop": False},
            (288, 192),
            None,
        ),
        (
            {"resize_mode": 1, "upscaling_resize_w": 96, "upscaling_resize_h": 128, "upscaling_crop": False},
            (192, 128),
            None,
        ),
    ],
)
@pytest.mark.parametrize("path", [SINGLE, BATCH])
def test_a_picture_is_enlarged_as_asked(
    desk: Desk, path: str, asked: dict[str, Any], size: tuple[int, int], model: str | None
) -> None:
    (task,) = desk.tasks(path, **asked)
    assert isinstance(task, Upscale)
    assert (task.width, task.height, task.model) == (*size, model)


@pytest.mark.parametrize("name", ["None", "none"])
def test_without_an_upscaler_a_picture_stays_as_it_is(desk: Desk, name: str) -> None:
    answer, tasks = desk.asked(SINGLE, upscaler_1=name, upscaling_resize=4)
    assert tasks == []
    assert answer.json().keys() == {"html_info", "image"}
    picture = opened(answer.json()["image"])
    assert (picture.format, picture.size, picture.getpixel((0, 0))) == ("PNG", (WIDTH, HEIGHT), (255, 0, 0))


def test_a_result_may_be_larger_than_what_is_taken(desk: Desk) -> None:
    large = encoded(Image.new("RGB", (2048, 1024), "red"))
    answer, _ = desk.asked(SINGLE, image=large, upscaling_resize=4.5)
    assert opened(answer.json()["image"]).size == (9216, 4608)


def test_what_is_enlarged_to_sides_of_another_shape_is_cropped_to_them(desk: Desk) -> None:
    answer, tasks = desk.asked(SINGLE, resize_mode=1, upscaling_resize_w=128, upscaling_resize_h=128)
    assert [(type(task), task.width, task.height) for task in tasks] == [(Upscale, 192, 128), (Crop, 128, 128)]
    assert opened(answer.json()["image"]).size == (128, 128)


@pytest.mark.parametrize(
    ("upscale_first", "order"), [(False, [RestoreFaces, Upscale]), (True, [Upscale, RestoreFaces])]
)
def test_faces_are_restored_before_or_after(desk: Desk, upscale_first: bool, order: list[type]) -> None:
    tasks = desk.tasks(SINGLE, gfpgan_visibility=0.5, upscale_first=upscale_first)
    assert [type(task) for task in tasks] == order
    (restoring,) = [task for task in tasks if isinstance(task, RestoreFaces)]
    assert (restoring.model, restoring.strength) == ("gfpgan-1.4", 0.5)


def test_each_picture_of_a_batch_is_worked_on(desk: Desk) -> None:
    other = encoded(Image.new("RGB", (32, 32), "blue"))
    answer, tasks = desk.asked(BATCH, imageList=[{"data": DATA_URL, "name": "a"}, {"data": other, "name": "b"}])
    assert len(tasks) == 2
    assert [opened(image).size for image in answer.json()["images"]] == [(192, 128), (64, 64)]


@pytest.mark.parametrize(("path", "none"), [(SINGLE, {"image": None}), (BATCH, {"images": []})])
def test_results_that_are_not_wanted_stay_here(desk: Desk, path: str, none: dict[str, Any]) -> None:
    answer, _ = desk.asked(path, show_extras_results=False)
    assert answer.json() == {"html_info": ""} | none


@pytest.mark.parametrize(
    ("asked", "output", "model", "follow"),
    [
        ({}, "cutout", "birefnet", False),
        ({"return_mask": True}, "mask", "birefnet", False),
        ({"alpha_matting": True}, "cutout", "birefnet", True),
        ({"model": "isnet-general-use"}, "cutout", "birefnet", False),
        ({"model": "shapes-matting"}, "cutout", "shapes-matting", False),
        ({"model": "birefnet"}, "cutout", "birefnet", False),
    ],
)
def test_rembg_cuts_out(desk: Desk, asked: dict[str, Any], output: str, model: str, follow: bool) -> None:
    (task,) = desk.tasks(REMBG, **asked)
    assert isinstance(task, RemoveBackground)
    assert (task.output, task.model, task.edge.follow) == (output, model, follow)


@pytest.mark.parametrize("model", ["", "None"])
def test_rembg_without_a_model_does_nothing(desk: Desk, model: str) -> None:
    answer, tasks = desk.asked(REMBG, model=model)
    assert (answer.status_code, answer.json(), tasks) == (200, None, [])


@pytest.mark.parametrize(
    ("module", "annotator"),
    [
        ("canny", "canny"),
        ("scribble_xdog", "scribble"),
        ("lineart_standard (from white bg & black line)", "lineart"),
        ("depth_midas", "depth"),
        ("invert", "invert"),
    ],
)
@pytest.mark.parametrize("field", ["controlnet_input_images", "controlnet_images"])
def test_detect_makes_what_a_controlnet_follows(desk: Desk, module: str, annotator: str, field: str) -> None:
    asked = {"controlnet_module": module, "controlnet_input_images": [], field: [PICTURE, DATA_URL]}
    answer, tasks = desk.asked(DETECT, **asked)
    assert [task.annotator for task in tasks] == [annotator] * 2
    assert answer.json()["info"] == "Success"
    assert [opened(image).size for image in answer.json()["images"]] == [(WIDTH, HEIGHT)] * 2


def test_detect_with_the_module_none_gives_pictures_back(desk: Desk) -> None:
    answer, tasks = desk.asked(DETECT, controlnet_module="none")
    assert tasks == []
    assert opened(answer.json()["images"][0]).getpixel((0, 0)) == (255, 0, 0)


def test_interrogate_answers_with_a_caption(desk: Desk) -> None:
    answer, (task,) = desk.asked(INTERROGATE)
    assert isinstance(task, Describe)
    assert answer.json() == {"caption": CAPTION}


@pytest.mark.parametrize(
    ("path", "asked", "named"),
    [
        (SINGLE, {"codeformer_visibility": 0.5}, "codeformer_visibility"),
        (SINGLE, {"extras_upscaler_2_visibility": 0.5, "strange": 1}, "strange, extras_upscaler_2_visibility"),
        (REMBG, {"alpha_matting_erode_size": 5}, "alpha_matting_erode_size"),
        (
            DETECT,
            {"controlnet_processor_res": 64, "controlnet_threshold_a": 5},
            "controlnet_processor_res, controlnet_threshold_a",
        ),
    ],
)
def test_what_changes_nothing_is_named(desk: Desk, path: str, asked: dict[str, Any], named: str) -> None:
    answer, _ = desk.asked(path, **asked)
    assert answer.headers["x-darkroom-ignored-fields"] == named


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        (SINGLE, {"upscaler_1": "nothing"}, 422),
        (SINGLE, {"upscaler_1": "shapes-ink"}, 422),
        (SINGLE, {"upscaler_1": "R-ESRGAN 2x+"}, 503),
        (SINGLE, {"upscaling_resize": 0}, 422),
        (SINGLE, {"upscaling_resize": "twice"}, 422),
        (SINGLE, {"upscaling_resize_w": 9000}, 422),
        (SINGLE, {"resize_mode": 2}, 422),
        (SINGLE, {"gfpgan_visibility": 1.5}, 422),
        (BATCH, {"imageList": []}, 422),
        (BATCH, {"imageList": [{"name": "a"}]}, 422),
        (BATCH, {"imageList": [{"data": DATA_URL, "name": "a"}] * 65}, 422),
        (REMBG, {"model": "nothing"}, 404),
        (REMBG, {"alpha_matting_foreground_threshold": 256}, 422),
        (DETECT, {"controlnet_module": "openpose"}, 422),
        (DETECT, {"controlnet_input_images": []}, 422),
        (DETECT, {"controlnet_input_images": [PICTURE] * 17}, 422),
        (INTERROGATE, {"model": "deepdanbooru"}, 422),
        (INTERROGATE, {"image": None}, 422),
        (INTERROGATE, {"image": "http://127.0.0.1:9/picture.png"}, 422),
    ],
)
def test_a_wrong_request_is_refused_in_the_web_ui_s_words(
    desk: Desk, path: str, asked: dict[str, Any], status: int
) -> None:
    answer, tasks = desk.asked(path, **asked)
    assert (answer.status_code, tasks) == (status, [])
    assert answer.json()["detail"]
    assert "nothing" not in answer.text


@pytest.mark.parametrize("picture", REFUSED)
@pytest.mark.parametrize(
    ("path", "field"),
    [(SINGLE, "image"), (REMBG, "input_image"), (INTERROGATE, "image"), (DETECT, "controlnet_images")],
)
def test_what_is_no_picture_is_refused(desk: Desk, path: str, field: str, picture: str) -> None:
    value: Any = [REFUSED[picture]] if field == "controlnet_images" else REFUSED[picture]
    answer, tasks = desk.asked(path, **{"controlnet_input_images": []} | {field: value})
    assert (answer.status_code, tasks) == (422, [])


def test_without_a_captioner_the_answer_says_what_would_do(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("silent")
    app = create_app(Settings(data=folder, admin_key=KEY), every_kind_catalog(folder), Obliging())
    headers = {"Authorization": f"Bearer {KEY}"}
    with running(app) as url:
        answer = httpx.post(
            f"{url}{INTERROGATE}", json=LEAST[INTERROGATE], headers=headers, timeout=30, trust_env=False
        )
    assert answer.status_code == 503
    assert "darkroom pull blip-captioning-base" in answer.json()["detail"]
