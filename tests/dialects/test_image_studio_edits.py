"""Every field of the operations on given pictures reaches the task, or is refused or named; nothing is drawn here."""

import base64
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from pipelines.catalog import Catalog
from pipelines.engine.protocol import Failed, Finished, Listener
from pipelines.tasks import Inpaint, Picture, Raster, Relight, RemoveBackground, Task
from server.app import create_app
from server.dialects.image_studio.control import Steering
from server.dialects.image_studio.edit import Edit
from server.dialects.image_studio.upscale import Enlargement
from server.http.body import Body
from server.settings import Settings
from tests.server.serving import KEY, every_kind_catalog, running, small_catalog
from tests.server.test_bad_pictures import REFUSED
from tests.server.test_picture_tasks import encoded
from tests.server.worker import StepWorker

GRAY = Picture(8, 8, b"\x80" * 192, 5, (8, 8), "flat")
PICTURE = encoded(Image.new("RGB", (96, 64), "red"))
OTHER = encoded(Image.new("RGB", (96, 64), "blue"))
MASK = encoded(Image.new("L", (96, 64), "white"))
BLUE = Raster(96, 64, bytes((0, 0, 255)) * (96 * 64))
EDIT, UPSCALE, CONTROL = (f"/api/image-studio/{path}" for path in ("edit/process", "upscale", "control/process"))
BODIES: dict[str, tuple[type[Body], dict[str, Any]]] = {
    EDIT: (Edit, {"image_base64": PICTURE, "operation": "general_edit", "prompt": "a star"}),
    UPSCALE: (Enlargement, {"image_base64": PICTURE}),
    CONTROL: (Steering, {"control_image_base64": PICTURE, "operation": "style", "prompt": "a star"}),
}


class Obliging(StepWorker):
    """Answers every kind of task with the same gray square."""

    def _drawn(self, job_id: str, task: Task, listener: Listener) -> Finished | Failed:
        return Failed(job_id, *self.failing) if self.failing else Finished(job_id, (GRAY,))


class Studio:
    def __init__(self, client: httpx.Client, worker: Obliging) -> None:
        self.client, self.worker = client, worker

    def task(self, path: str, body: dict[str, Any]) -> Any:
        """What a request asks the worker for."""
        answer = self.client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return self.worker.tasks[-1]

    def refusal(self, path: str, body: dict[str, Any], status: int = 400) -> str:
        answer = self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        assert list(answer.json()) == ["detail"], answer.text
        detail: str = answer.json()["detail"]
        return detail


@contextmanager
def studio_of(folder: Path, catalog: Catalog) -> Iterator[Studio]:
    worker = Obliging()
    headers = {"Authorization": f"Bearer {KEY}"}
    app = create_app(Settings(data=folder, admin_key=KEY), catalog, worker)
    with running(app) as url, httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
        yield Studio(client, worker)


@pytest.fixture(scope="module")
def studios(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Studio]]:
    """shapes: the embedded models, with a segmenter. real: a model that is no demo, with an IP-Adapter."""
    with ExitStack() as stack:
        found = {}
        for name, catalog_in in (("shapes", every_kind_catalog), ("real", small_catalog)):
            folder = tmp_path_factory.mktemp(name)
            found[name] = stack.enter_context(studio_of(folder, catalog_in(folder)))
        yield found


def edit(operation: str, **more: Any) -> dict[str, Any]:
    return {"image_base64": PICTURE, "operation": operation} | more


def masked(**more: Any) -> dict[str, Any]:
    return edit("inpaint", prompt="a star", mask_base64=MASK) | more


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        (masked(), "prompt", "a star"),
        (masked(negative_prompt="a heart"), "negative_prompt", "a heart"),
        (masked(seed=7), "seed", 7),
        (masked(steps=3), "steps", 3),
        (masked(guidance_scale=1.5), "guidance_scale", 1.5),
        (masked(model="shapes-xl"), "model", "shapes-xl"),
        (masked(options={"strength": 0.5}), "strength", 0.5),
        (masked(options={"mask_blur": 9, "fill": "noise"}), "mask_blur", 9),
        (masked(options={"sampler": "heun"}), "sampler", "heun"),
        (masked(provider="gemini"), "model", "shapes-xl"),
        (edit("inpaint", prompt="a star", search_prompt="car"), "words", "car"),
        (edit("inpaint", prompt="a star", select_prompt="tree"), "words", "tree"),
        (edit("search_replace", prompt="a star", search_prompt="car", options={"dilation": 3}), "dilation", 3),
        (edit("search_recolor", prompt="a light blue one", select_prompt="car"), "colour", "#add8e6"),
        (edit("search_recolor", prompt="teal", select_prompt="car", options={"colour": "red"}), "colour", "#ff0000"),
        (edit("search_recolor", prompt="teal", select_prompt="car"), "words", "car"),
        (edit("outpaint", expand_left=8), "left", 8),
        (edit("outpaint", expand_right=8), "right", 8),
        (edit("outpaint", expand_up=8), "top", 8),
        (edit("outpaint", expand_down=8, options={"feather": 4}), "feather", 4),
        (edit("outpaint", expand_down=8), "bottom", 8),
        (edit("remove_background"), "background", None),
        (edit("remove_background", background_image_base64=OTHER), "background", BLUE),
        (edit("remove_background", model="shapes-matting"), "model", "shapes-matting"),
        (edit("remove_background", options={"method": "grabcut"}), "model", None),
        (edit("remove_background", background_image_base64=OTHER, lighting_image_base64=OTHER), "reference", BLUE),
        (edit("general_edit", background_image_base64=OTHER), "background", BLUE),
        (edit("general_edit", background_image_base64=OTHER), "drawn", None),
        (edit("general_edit", lighting_image_base64=OTHER), "reference", BLUE),
        (edit("general_edit", prompt="a star", options={"strength": 0.4}), "strength", 0.4),
    ],
)
def test_what_an_edit_says_reaches_the_task(
    studios: dict[str, Studio], body: dict[str, Any], field: str, value: Any
) -> None:
    assert getattr(studios["shapes"].task(EDIT, body), field) == value


def test_an_operation_is_done_by_what_was_sent_with_it(studios: dict[str, Studio]) -> None:
    ask = studios["shapes"].task
    assert isinstance(ask(EDIT, masked(search_prompt="car")), Inpaint), "a mask wins over words"
    assert isinstance(ask(EDIT, edit("remove_background")), RemoveBackground)
    assert isinstance(ask(EDIT, edit("remove_background") | {"mask_base64": MASK}), RemoveBackground)
    both = {"background_image_base64": OTHER, "lighting_image_base64": OTHER}
    relit = ask(EDIT, edit("general_edit", prompt="a star", **both))
    assert isinstance(relit, Relight)
    assert relit.drawn is not None, "a prompt says how the two become one picture"


def test_a_style_preset_is_words_behind_the_prompt(studios: dict[str, Studio]) -> None:
    task = studios["shapes"].task(EDIT, masked(style_preset="anime"))
    assert task.prompt.startswith("a star, ")
    assert "anime" in task.prompt
    assert task.negative_prompt


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (masked(search_prompt="car", expand_left=8), "expand_left, search_prompt"),
        (masked(colour="red"), "colour"),
        (masked(options={"dilation": 3, "threshold": 0.5}), "options.dilation, options.threshold"),
        (masked(options={"steps": 3, "priority": 9, "count": 4}), "options.count, options.priority, options.steps"),
        (masked(options={"not fit for a header\r\n": 1}), None),
        (edit("remove_background", prompt="a star", seed=1, style_preset="anime"), "prompt, seed, style_preset"),
        (edit("search_recolor", prompt="teal", select_prompt="car", mask_base64=MASK), "mask_base64"),
    ],
)
def test_what_an_operation_has_no_use_for_is_named(
    studios: dict[str, Studio], body: dict[str, Any], named: str | None
) -> None:
    answer = studios["shapes"].client.post(EDIT, json=body)
    assert (answer.status_code, answer.headers.get("x-darkroom-ignored-fields")) == (200, named), answer.text


@pytest.mark.parametrize(
    "options",
    [{"strength": 2}, {"strength": "0.5"}, {"mask_blur": -1}, {"fill": "gold"}, {"loras": [{"name": "none-such"}]}],
)
def test_options_are_checked_as_our_own_api_checks_them(studios: dict[str, Studio], options: dict[str, Any]) -> None:
    assert studios["shapes"].refusal(EDIT, masked(options=options))


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({"mode": "creative", "prompt": "a star"}, "over.prompt", "a star"),
        ({"mode": "creative"}, "over.prompt", ""),
        ({"mode": "fast", "prompt": "a star"}, "over", None),
        ({"mode": "auto"}, "model", "shapes-upscale"),
        ({"mode": "fast"}, "model", None),
        ({"target_width": 120}, "height", 80),
        ({"target_height": 128}, "width", 192),
        ({"target_width": 50, "target_height": 50}, "height", 50),
        ({"preset": "web"}, "width", 2048),
        ({"preset": "print"}, "width", 3072),
        ({"preset": "social"}, "width", 1080),
        ({"preset": "social", "target_height": 128}, "width", 192),
        ({"preset": "social", "image_base64": encoded(Image.new("RGB", (1200, 900)))}, "width", 1200),
        ({}, "width", 384),
    ],
)
def test_what_an_enlargement_says_reaches_the_task(
    studios: dict[str, Studio], body: dict[str, Any], field: str, value: Any
) -> None:
    found = studios["shapes"].task(UPSCALE, {"image_base64": PICTURE} | body)
    for part in field.split("."):
        found = getattr(found, part)
    assert found == value


def test_the_embedded_upscaler_does_not_stand_in_beside_real_models(studios: dict[str, Studio]) -> None:
    asked = {"image_base64": PICTURE, "mode": "conservative"}
    assert "darkroom pull" in studios["real"].refusal(UPSCALE, asked, 503)
    assert studios["shapes"].client.post(UPSCALE, json=asked).json()["mode"] == "conservative"


def steered(operation: str, **more: Any) -> dict[str, Any]:
    return {"control_image_base64": PICTURE, "operation": operation, "prompt": "a star"} | more


TRANSFER = steered("style_transfer", style_image_base64=OTHER)


@pytest.mark.parametrize(
    ("models", "body", "field", "value"),
    [
        ("shapes", steered("sketch"), "controls.0.annotator", "scribble"),
        ("shapes", steered("structure"), "controls.0.annotator", "canny"),
        ("shapes", steered("sketch", control_strength=0.3), "controls.0.weight", 0.3),
        ("shapes", steered("sketch", control_strength=0), "controls.0.weight", 0.0),
        ("shapes", steered("sketch", negative_prompt="a heart"), "negative_prompt", "a heart"),
        ("shapes", steered("sketch", seed=7), "seed", 7),
        ("shapes", steered("sketch"), "width", 168),
        ("real", steered("style"), "image_prompts.0.scale", 0.5),
        ("real", steered("style", fidelity=0.8), "image_prompts.0.scale", 0.8),
        ("real", steered("style", aspect_ratio="2:1"), "width", 176),
        ("real", steered("style", style_image_base64=OTHER), "image_prompts.0.images.0.width", 96),
        ("real", TRANSFER, "strength", 0.9 * 0.55),
        ("real", TRANSFER, "image_prompts.0.images.0", BLUE),
        ("real", TRANSFER | {"style_strength": 0.4}, "image_prompts.0.scale", 0.4),
        ("real", TRANSFER | {"composition_fidelity": 0}, "strength", 0.9),
        ("real", TRANSFER | {"change_strength": 1}, "strength", 0.55),
    ],
)
def test_what_a_control_says_reaches_the_task(
    studios: dict[str, Studio], models: str, body: dict[str, Any], field: str, value: Any
) -> None:
    found = studios[models].task(CONTROL, body)
    for part in field.split("."):
        found = found[int(part)] if part.isdecimal() else getattr(found, part)
    assert found == (pytest.approx(value) if isinstance(value, float) else value)


def test_the_answer_tells_the_strengths_that_were_used(studios: dict[str, Studio]) -> None:
    metadata = studios["real"].client.post(CONTROL, json=TRANSFER | {"style_strength": 0.4}).json()["metadata"]
    told = {name: metadata[name] for name in ("style_strength", "composition_fidelity", "change_strength")}
    assert told == {"style_strength": 0.4, "composition_fidelity": 0.9, "change_strength": 0.9}


WRONG: dict[str, list[Any]] = {
    "operation": ["paint", "", 7],
    "prompt": [7, "x" * 4001, "a\x00b", ["a"]],
    "negative_prompt": [7, "x" * 4001],
    "search_prompt": [7],
    "select_prompt": [7],
    "expand_left": [-1, 4097, 1.5, "8", True],
    "expand_right": [-1],
    "expand_up": [-1],
    "expand_down": [-1],
    "provider": ["nobody", 7],
    "model": ["none-such", "", 7, "x" * 200],
    "style_preset": ["none-such", 7],
    "guidance_scale": [0.5, 1000, "7"],
    "steps": [0, 100_000, 2.5],
    "seed": [-1, 2**63, 1.5, "7"],
    "output_format": ["gif", 7],
    "options": [[], "strength", {f"field{number}": 1 for number in range(51)}],
    "mode": ["best", 7],
    "preset": ["poster", 7],
    "target_width": [0, 8193, "64", 1.5],
    "target_height": [0, 8193],
    "aspect_ratio": ["wide", "0:1", "1:0", "99:1", 1.5],
} | {
    name: [-0.1, 1.1, "1", True]
    for name in ("control_strength", "fidelity", "style_strength", "composition_fidelity", "change_strength")
}
PICTURES = ("image_base64", "control_image_base64", "mask_base64", "background_image_base64", "lighting_image_base64",
            "style_image_base64")  # fmt: skip


def wrong_bodies() -> Iterator[Any]:
    for path, (model, body) in BODIES.items():
        for name, field in model.model_fields.items():
            if field.is_required():
                yield pytest.param(path, {key: value for key, value in body.items() if key != name}, id=f"no {name}")
                yield pytest.param(path, body | {name: None}, id=f"{name} null")
            for number, value in enumerate(WRONG.get(name, [7, ""])):
                yield pytest.param(path, body | {name: value}, id=f"{name} {number}")


@pytest.mark.parametrize(("path", "body"), list(wrong_bodies()))
def test_what_is_wrong_is_told_in_the_words_of_this_api(
    studios: dict[str, Studio], path: str, body: dict[str, Any]
) -> None:
    detail = studios["real"].refusal(path, body)
    assert detail.endswith((".", "general edit")) or "Invalid base64" in detail


def test_every_field_of_every_body_is_tried_with_what_is_wrong() -> None:
    assert {name for model, _ in BODIES.values() for name in model.model_fields} <= {*WRONG, *PICTURES}


@pytest.mark.parametrize("path", BODIES)
def test_null_is_absent(studios: dict[str, Studio], path: str) -> None:
    model, body = BODIES[path]
    nulls = {name: None for name, field in model.model_fields.items() if not field.is_required()}
    answer = studios["real"].client.post(path, json=nulls | body)
    assert answer.status_code == 200, answer.text
    assert "x-darkroom-ignored-fields" not in answer.headers


HOSTILE = REFUSED | {"an address": "http://127.0.0.1:1/picture.png", "a file": "file:///etc/passwd", "words": "no!"}


@pytest.mark.parametrize("picture", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (EDIT, edit("remove_background"), "image_base64"),
        (EDIT, masked(), "mask_base64"),
        (EDIT, edit("general_edit"), "background_image_base64"),
        (EDIT, edit("general_edit"), "lighting_image_base64"),
        (UPSCALE, {}, "image_base64"),
        (CONTROL, steered("style"), "control_image_base64"),
        (CONTROL, steered("style_transfer"), "style_image_base64"),
    ],
)
def test_a_hostile_picture_is_refused(
    studios: dict[str, Studio], path: str, body: dict[str, Any], field: str, picture: str
) -> None:
    assert studios["real"].refusal(path, body | {field: picture})


@pytest.mark.parametrize(
    ("asked", "made"), [("png", "image/png"), ("jpg", "image/jpeg"), ("jpeg", "image/jpeg"), ("webp", "image/webp")]
)
def test_the_picture_comes_back_in_the_format_asked_for(studios: dict[str, Studio], asked: str, made: str) -> None:
    for path, body in ((EDIT, edit("remove_background")), (CONTROL, steered("sketch"))):
        answer = studios["shapes"].client.post(path, json=body | {"output_format": asked}).json()
        head, _, content = answer["image_base64"].partition(";base64,")
        assert head == f"data:{made}"
        with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
            assert (picture.get_format_mimetype(), picture.size) == (made, (answer["width"], answer["height"]))  # type: ignore[attr-defined]


def test_what_failed_while_it_was_drawn_is_told_as_the_document_has_it(studios: dict[str, Studio]) -> None:
    worker = studios["shapes"].worker
    worker.failing = ("drawing_failed", "The drawing failed.")
    try:
        told = studios["shapes"].refusal(EDIT, masked(), 500)
    finally:
        worker.failing = None
    assert told == "Image generation failed: The drawing failed."
