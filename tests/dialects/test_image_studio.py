"""What the cases cannot bring about in the dialect of /api/image-studio: failures, limits, wrong input of all kinds."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from pipelines.engine.protocol import Cancelled, Failed, Finished, Listener
from pipelines.tasks import Task, TextToImage
from server.dialects.image_studio.create import Create
from server.dialects.image_studio.social import Optimize
from tests.server.serving import Serve, Served, leaving, newcomer, until
from tests.server.worker import StepWorker

STUDIO = "/api/image-studio"
STAR = {"prompt": "a red star", "enhance_prompt": False, "width": 64, "height": 64}
LONG = "a" * 4001


def encoded(side: int = 64, format_: str = "PNG") -> str:
    file = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(file, format_)
    return base64.b64encode(file.getvalue()).decode()


PICTURE = encoded()


class Fussy(StepWorker):
    """Fails the jobs of some seeds."""

    def __init__(self, *seeds: int) -> None:
        super().__init__()
        self._seeds = seeds

    def _drawn(self, job_id: str, task: Task, listener: Listener) -> Finished | Failed | Cancelled:
        assert isinstance(task, TextToImage)
        if task.seed in self._seeds:
            return Failed(job_id, "drawing_failed", "The drawing failed.")
        return super()._drawn(job_id, task, listener)


def created(served: Served, **asked: object) -> httpx.Response:
    return served.client.post(f"{STUDIO}/create", json=STAR | asked)


def task_of(served: Served, **asked: object) -> TextToImage:
    """What became of a request: the last task that the worker was given."""
    assert created(served, **asked).status_code == 200
    task = served.worker.tasks[-1]
    assert isinstance(task, TextToImage)
    return task


FIELDS: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"prompt": "a blue circle"}, {"prompt": "a blue circle"}),
    ({"negative_prompt": "a hat"}, {"negative_prompt": "a hat"}),
    ({"seed": 77}, {"seed": 77}),
    ({"steps": 3}, {"steps": 3}),
    ({"guidance_scale": 7}, {"guidance_scale": 7.0}),
    ({"model": "flat"}, {"model": "flat"}),
    ({"quality": "draft"}, {"steps": 4, "sampler": "dpmpp_2m"}),
    ({"quality": "standard"}, {"steps": 8, "sampler": "euler"}),
    ({"quality": "premium"}, {"steps": 10, "sampler": "euler"}),  # which is the most that this model takes
    ({"quality": "draft", "steps": 7}, {"steps": 7}),
    ({"style_preset": "origami"}, {"prompt": "a red star, origami, folded paper, sharp creases, plain background"}),
    ({"style_preset": "origami"}, {"negative_prompt": "photograph of a person, fur, liquid"}),
    ({"use_persona": True, "persona_id": "playful"}, {"negative_prompt": "gloomy, grey"}),
    ({"width": None, "height": None, "aspect_ratio": "2:1"}, {"width": 176, "height": 88}),
    ({"width": None, "height": None}, {"width": 128, "height": 128}),
    ({"height": None, "aspect_ratio": "1:2"}, {"width": 64, "height": 128}),
    ({"width": None, "template_id": "email_header"}, {"width": 192, "height": 64}),
]


@pytest.mark.parametrize(("asked", "meant"), FIELDS)
def test_every_field_is_heard(shared: Served, asked: dict[str, object], meant: dict[str, object]) -> None:
    task = task_of(shared, **asked)
    assert {name: getattr(task, name) for name in meant} == meant


def test_a_template_sets_the_quality_and_the_words_unless_the_request_does(shared: Served) -> None:
    by_template = created(shared, template_id="product_square").json()["request"]
    own = created(shared, template_id="product_square", quality="draft", style_preset="origami").json()["request"]
    assert (by_template["quality"], own["quality"]) == ("premium", "draft")
    assert "origami" in own["enhanced_prompt"]


def test_enhancement_is_on_unless_it_is_declined(shared: Served) -> None:
    assert len(created(shared, enhance_prompt=True).json()["request"]["enhanced_prompt"]) > len("a red star")
    assert created(shared, enhance_prompt=False).json()["request"]["enhanced_prompt"] == "a red star"


def test_a_variation_that_fails_is_counted_and_the_others_are_given(serve: Serve) -> None:
    answer = created(serve(Fussy(8)), seed=7, num_variations=3).json()
    assert (answer["success"], answer["total_generated"], answer["total_failed"]) == (True, 2, 1)
    assert [(result["variation"], result["seed"]) for result in answer["results"]] == [(1, 7), (3, 9)]


def test_where_every_variation_fails_the_answer_is_an_error(serve: Serve) -> None:
    answer = created(serve(Fussy(7, 8)), seed=7, num_variations=2)
    assert (answer.status_code, answer.json()) == (500, {"detail": "Image generation failed: The drawing failed."})


def test_variations_that_nobody_can_pay_are_counted_as_failed(serve: Serve) -> None:
    served = serve()
    poor = newcomer(served)
    account = served.client.get("/darkroom/v1/account", headers=poor).json()["id"]
    served.client.put(f"/darkroom/v1/accounts/{account}/quota", json={"credits": 2}).raise_for_status()
    body = STAR | {"num_variations": 3}
    answer = served.client.post(f"{STUDIO}/create", json=body, headers=poor)
    assert (answer.json()["total_generated"], answer.json()["total_failed"]) == (2, 1)
    refused = served.client.post(f"{STUDIO}/create", json=body, headers=poor)
    assert (refused.status_code, list(refused.json())) == (402, ["detail"])


def test_an_estimate_is_what_is_charged(serve: Serve) -> None:
    served = serve()
    asked = {"provider": "auto", "num_images": 2, "width": 64, "height": 64}
    estimate = served.client.post(f"{STUDIO}/estimate-cost", json=asked).json()["estimated_cost"]
    created(served, num_variations=2).raise_for_status()
    assert served.client.get("/darkroom/v1/usage").json()["used"]["credits"] == estimate == 2


def test_what_takes_too_long_is_let_go_of(serve: Serve) -> None:
    served = serve(request_seconds=1)
    served.worker.hold()
    answer = created(served, num_variations=2)
    assert (answer.status_code, list(answer.json())) == (504, ["detail"])
    served.worker.let_go()
    until(lambda: {job["state"] for job in served.client.get("/darkroom/v1/jobs").json()["jobs"]} == {"cancelled"})


def test_who_leaves_leaves_no_variation_behind(serve: Serve) -> None:
    served = serve()
    served.worker.hold()

    def states() -> list[str]:
        return [job["state"] for job in served.client.get("/darkroom/v1/jobs").json()["jobs"]]

    with leaving(served, f"{STUDIO}/create", STAR | {"num_variations": 3}):
        until(lambda: len(states()) == 3)
    until(lambda: states() == ["cancelled"] * 3)


def test_a_request_that_is_sent_again_gets_the_same_variations(serve: Serve) -> None:
    served, key = serve(), {"Idempotency-Key": "a"}
    first, again = (
        served.client.post(f"{STUDIO}/create", json=STAR | {"num_variations": 2}, headers=key).json() for _ in range(2)
    )
    assert first == again
    assert len(served.worker.tasks) == 2


def test_no_status_is_ever_422(serve: Serve) -> None:
    served, key = serve(), {"Idempotency-Key": "a"}
    served.client.post(f"{STUDIO}/create", json=STAR, headers=key).raise_for_status()
    reused = served.client.post(f"{STUDIO}/create", json=STAR | {"seed": 1}, headers=key)
    assert (reused.status_code, list(reused.json())) == (400, ["detail"])


def test_a_server_that_cannot_draw_says_so_of_each_module(serve: Serve) -> None:
    answer = serve(StepWorker(state="loading")).client.get(f"{STUDIO}/health").json()
    assert (answer["status"], answer["modules"]["create_studio"]) == ("unhealthy", "unavailable")
    assert answer["modules"]["templates"] == "available"


def test_providers_have_the_models_that_are_installed_and_for_the_key(serve: Serve) -> None:
    served = serve()
    assert served.client.get(f"{STUDIO}/providers").json()["providers"]["stability"]["models"] == ["flat"]
    narrow = newcomer(served, models=["absent"])
    assert served.client.get(f"{STUDIO}/providers", headers=narrow).json() == {"providers": {}}


def test_an_operator_may_narrow_a_provider_to_some_models(serve: Serve) -> None:
    served = serve()
    served.app.state.parts.catalog.aliases |= {"stability": ("flat", "absent"), "gemini": ("absent",)}
    listed = served.client.get(f"{STUDIO}/providers").json()["providers"]
    assert list(listed) == ["darkroom", "stability", "wavespeed", "huggingface"]
    assert listed["stability"]["models"] == ["flat"]
    assert created(served, provider="stability").json()["request"]["model"] == "flat"
    assert created(served, provider="gemini").status_code == 503
    estimate = {"provider": "gemini", "width": 64, "height": 64}
    assert served.client.post(f"{STUDIO}/estimate-cost", json=estimate).status_code == 503


def test_what_is_no_picture_and_what_is_too_small_are_told_apart(shared: Served) -> None:
    wanted = {"platforms": ["instagram"]}
    for content, told in [("x", "Invalid base64 image payload"), (encoded(4), "8 to 8192 pixels")]:
        answer = shared.client.post(f"{STUDIO}/social/optimize", json=wanted | {"image_base64": content})
        assert told in answer.json()["detail"]


def test_a_model_that_is_not_installed_is_told_with_503(shared: Served) -> None:
    answer = created(shared, model="absent")
    assert (answer.status_code, list(answer.json())) == (503, ["detail"])


# Values that no field of its type takes; what is too long, too large or unknown is below.
WRONG_TYPES: dict[str, list[object]] = {
    "string": [7, True, [], {}],
    "integer": ["7", 1.5, True, [], {}],
    "number": ["7", True, [], {}],
    "boolean": ["true", 1, [], {}],
    "array": ["instagram", {}, 7],
    "object": [[], "x", 7],
}
OUT_OF_RANGE: list[tuple[str, dict[str, object]]] = [
    ("create", {"prompt": value}) for value in (None, "", "  ", LONG, "a\0b", "\ud800")
] + [
    ("create", STAR | {name: value})
    for name, values in {
        "template_id": ["", "nothing", "x" * 200, "a\0b"],
        "provider": ["acme", ""],
        "model": ["nothing", "", "x" * 200],
        "width": [0, -1, 7, 9000, 10**30],
        "height": [0, -1, 7, 9000],
        "aspect_ratio": ["", "1", "0:1", "1:0", "9:1", "1:9", "x:y", "1:1\n", "1" * 50 + ":1"],
        "style_preset": ["nothing", ""],
        "quality": ["best", ""],
        "negative_prompt": [LONG, "a\0b"],
        "guidance_scale": [0, -1, 1000, 1e308],
        "steps": [0, -1, 11, 10**30],
        "seed": [-1, 2**63],
        "num_variations": [0, -1, 11],
    }.items()
    for value in values
] + [
    ("create", STAR | {"use_persona": True, "persona_id": "nothing"}),
    ("estimate-cost", {"provider": "acme"}),
    ("estimate-cost", {"provider": None}),
    *[
        ("estimate-cost", {"provider": "auto", name: value})
        for name, value in (("model", "no"), ("operation", "no"), ("num_images", 0), ("width", 1), ("height", 9000))
    ],
    *[
        ("social/optimize", {"image_base64": value, "platforms": ["instagram"]})
        for value in (None, "", "x", "data:image/png;base64,", "http://127.0.0.1:9/a.png", encoded(4), PICTURE[:40])
    ],
    *[
        ("social/optimize", {"image_base64": PICTURE, "platforms": ["instagram"]} | wrong)
        for wrong in (
            {"platforms": []},
            {"platforms": None},
            {"platforms": ["instagram"] * 33},
            {"platforms": ["nothing"]},
            {"platforms": [None]},
            {"platforms": ["\0"]},
            {"format_names": {"instagram": "nothing"}},
            {"format_names": {"instagram": None}},
            {"format_names": {str(number): "x" for number in range(33)}},
            {"crop_mode": "clever"},
            {"focal_point": {"x": 1.5, "y": 0}},
            {"focal_point": {"x": 0.5}},
            {"focal_point": [0.5, 0.5]},
            {"output_format": "tiff"},
        )
    ],
]  # fmt: skip


@pytest.mark.parametrize(("path", "body"), OUT_OF_RANGE)
def test_what_is_out_of_range_is_a_400_with_a_detail(shared: Served, path: str, body: dict[str, object]) -> None:
    refused(shared.client.post(f"{STUDIO}/{path}", content=json.dumps(body)))


@pytest.mark.parametrize(
    ("path", "model", "least"),
    [
        ("create", Create, STAR),
        ("social/optimize", Optimize, {"image_base64": PICTURE, "platforms": ["instagram"]}),
    ],
)
def test_what_is_of_another_type_is_a_400_with_a_detail(
    shared: Served, path: str, model: type[Create | Optimize], least: dict[str, object]
) -> None:
    for name, schema in model.model_json_schema()["properties"].items():
        kinds = {option.get("type") for option in schema.get("anyOf", [schema])} - {None}
        for value in [value for kind in kinds for value in WRONG_TYPES.get(kind, [])]:
            refused(shared.client.post(f"{STUDIO}/{path}", json=least | {name: value}), f"{name}: {value!r}")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"prompt": NaN}', b"[" * 2000])
def test_what_is_no_json_object_is_a_400_with_a_detail(shared: Served, content: bytes) -> None:
    for path in ("create", "estimate-cost", "social/optimize"):
        refused(shared.client.post(f"{STUDIO}/{path}", content=content))


@pytest.mark.parametrize("name", ["platform", "category", "query", "use_case"])
def test_a_query_that_is_too_long_is_a_400_with_a_detail(shared: Served, name: str) -> None:
    path = {"query": "/search", "use_case": "/recommend"}.get(name, "")
    refused(shared.client.get(f"{STUDIO}/templates{path}", params={name: "x" * 201}))
    refused(shared.client.get(f"{STUDIO}/templates{path}", params={name: "x" * 9000}))


def refused(answer: httpx.Response, told: str = "") -> None:
    body: dict[str, Any] = answer.json()
    assert answer.status_code == 400, f"{told} {answer.status_code} {answer.text[:300]}"
    assert list(body) == ["detail"]
    assert isinstance(body["detail"], str)
    assert body["detail"]


def test_a_file_is_made_as_small_as_the_platform_takes(clients: dict[str, httpx.Client], tmp_path: Path) -> None:
    noise = Image.effect_noise((600, 300), 120)
    noisy = Image.merge("RGB", [noise, noise.rotate(90, expand=False), noise.rotate(180)])
    file = io.BytesIO()
    noisy.resize((1200, 600), Image.Resampling.NEAREST).save(file, "PNG")
    asked = {
        "image_base64": base64.b64encode(file.getvalue()).decode(),
        "platforms": ["email"],
        "format_names": {"email": "Banner"},
    }
    for output_format in ("png", "jpg"):
        body = asked | {"output_format": output_format}
        (result,) = clients[""].post(f"{STUDIO}/social/optimize", json=body).raise_for_status().json()["results"]
        content = base64.b64decode(result["image_base64"].partition(",")[2])
        assert len(content) <= 1_000_000
        assert Image.open(io.BytesIO(content)).size == (1200, 600)
