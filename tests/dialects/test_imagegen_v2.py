"""What a case cannot bring about in the endpoints of /api/v2 that draw and process: failures, limits, bad input."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from pydantic import BaseModel

from pipelines.engine.protocol import Cancelled, Failed, Finished, Listener
from pipelines.tasks import Drawing, Picture, Task
from server.dialects.imagegen_v2 import bodies
from server.dialects.imagegen_v2.wording import CODES
from tests.server.serving import KEY as ADMIN_KEY
from tests.server.serving import Serve, Served, application, key_for, newcomer, running, until
from tests.server.worker import StepWorker

TEXT, IMAGE, INPAINT = (f"/api/v2/generate/{name}" for name in ("text-to-image", "image-to-image", "inpaint"))
FILTERS, CUTOUT, UPSCALE = (f"/api/v2/process/{name}" for name in ("filters", "remove-background", "upscale"))
LATER = {"Prefer": "respond-async"}
TIERS = """
default: free
tiers:
  free: {minute: 10, hour: 100, day: 1000}
  basic: {minute: 60, hour: 1000, day: 10000}
  pro: {minute: 300, hour: 5000, day: 50000}
  enterprise: {}
"""


def picture(width: int = 64, height: int = 64, mode: str = "RGB", colour: Any = 255) -> str:
    return encoded(Image.new(mode, (width, height), colour))


def left_quarter() -> str:
    """A mask that is white there."""
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 16, 64))
    return encoded(mask)


def encoded(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


RED = picture(colour="red")
STAR = {"prompt": "a red star"}
LEAST: dict[str, dict[str, Any]] = {
    TEXT: STAR,
    IMAGE: STAR | {"init_image": RED},
    INPAINT: STAR | {"init_image": RED, "mask_image": left_quarter()},
    FILTERS: {"image_url": RED, "filters": [{"type": "invert"}]},
    CUTOUT: {"image_url": RED},
    UPSCALE: {"image_url": RED},
}
BODIES: dict[str, type[BaseModel]] = {
    TEXT: bodies.TextToImage,
    IMAGE: bodies.ImageToImage,
    INPAINT: bodies.Inpaint,
    FILTERS: bodies.Filters,
    CUTOUT: bodies.RemoveBackground,
    UPSCALE: bodies.Upscale,
}


class Worker(StepWorker):
    """Answers with a small picture whatever is not drawn."""

    def _drawn(self, job_id: str, task: Task, listener: Listener) -> Finished | Failed | Cancelled:
        if isinstance(task, Drawing):
            return super()._drawn(job_id, task, listener)
        return Finished(job_id, (Picture(8, 8, bytes(192), None, (8, 8), task.model),))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests that leave it as it was."""
    folder, worker = tmp_path_factory.mktemp("shared"), Worker()
    app = application(folder, worker)
    with running(app) as url, client_at(url) as client:
        yield Served(url, client, worker, app, folder)


def client_at(url: str, key: str = ADMIN_KEY) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=30, trust_env=False)


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """The error of an answer, which has the form of the document."""
    error: dict[str, Any] = answer.json()["error"]
    assert error.keys() == {"type", "code", "message", "details", "request_id", "documentation_url"}
    assert error["details"].keys() >= {"field", "reason", "suggestion"}
    assert error["code"] in CODES
    assert error["request_id"] == answer.headers["x-request-id"]
    return error


def put(body: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """A copy of the body with the value at a place such as parameters.width."""
    first, _, rest = place.partition(".")
    return body | {first: put(body.get(first, {}), rest, value) if rest else value}


def places(form: type[BaseModel], start: str = "") -> Iterator[str]:
    """Every field of a request, with those of its parts."""
    for name, field in form.model_fields.items():
        yield f"{start}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from places(field.annotation, f"{start}{name}.")


BLAMED = {"parameters.scheduler": "parameters.sampler"}  # whichever of the two it was
PLACES = [(path, place) for path, form in BODIES.items() for place in places(form)]
NONSENSE = [None, True, 7, -1, 2**80, 1.5e300, "", "nonsense", "x" * 5000, "a\0b", [], [1], {}, {"a": {"b": [None]}}]


@pytest.mark.parametrize(("path", "place"), PLACES)
def test_whatever_is_in_a_field_is_taken_or_blamed_on_it(shared: Served, path: str, place: str) -> None:
    refused = 0
    for value in NONSENSE:
        answer = shared.client.post(path, json=put(LEAST[path], place, value))
        if answer.status_code == 200:
            continue
        refused += 1
        error = error_of(answer)
        assert answer.status_code == 503 if error["code"] == "MODEL_NOT_AVAILABLE" else 400, answer.text
        assert (error["details"]["field"] or "").startswith((place, BLAMED.get(place, place))), (value, error)
        assert "nonsense" not in answer.text, "nothing is repeated"
    assert refused >= (4 if place == "metadata" else 5)


@pytest.mark.parametrize(
    ("path", "field"),
    [(path, name) for path, form in BODIES.items() for name in form.model_fields if name in LEAST[path]],
)
def test_what_is_needed_must_be_there(shared: Served, path: str, field: str) -> None:
    answer = shared.client.post(path, json={name: value for name, value in LEAST[path].items() if name != field})
    assert answer.status_code == 400
    assert error_of(answer)["details"]["field"] == field


@pytest.mark.parametrize(
    ("path", "place", "value"),
    [
        (TEXT, "prompt", "x" * 1001),
        (TEXT, "parameters.width", 56),
        (TEXT, "parameters.width", 2056),
        (TEXT, "parameters.width", 65),
        (TEXT, "parameters.height", 56),
        (TEXT, "parameters.height", 2056),
        (TEXT, "parameters.num_outputs", 0),
        (TEXT, "parameters.num_outputs", 5),
        (TEXT, "parameters.num_inference_steps", 9),
        (TEXT, "parameters.num_inference_steps", 151),
        (TEXT, "parameters.guidance_scale", 0.9),
        (TEXT, "parameters.guidance_scale", 20.1),
        (TEXT, "parameters.seed", -1),
        (TEXT, "parameters.sampler", "no such sampler"),
        (TEXT, "output.format", "gif"),
        (TEXT, "output.quality", 0),
        (TEXT, "output.quality", 101),
        (TEXT, "output.return_type", "stone"),
        (TEXT, "webhook_url", "ftp://example.org/"),
        (TEXT, "metadata", {"tags": "night"}),
        (TEXT, "metadata", {str(number): 0 for number in range(101)}),
        (IMAGE, "strength", 1.1),
        (INPAINT, "mask_blur", 257),
        (INPAINT, "inpaint_mode", "nowhere"),
        (INPAINT, "mask_image", picture(32, 32, "L")),
        (INPAINT, "mask_image", picture(mode="L", colour=0)),
        (FILTERS, "filters", [{"type": "no such filter"}]),
        (FILTERS, "filters", [{"type": "blur", "radius": -1}]),
        (FILTERS, "filters", [{"type": "blur", "value": 1}]),
        (FILTERS, "filters", [{"type": "invert"}] * 17),
        (CUTOUT, "foreground_threshold", 1.5),
        (UPSCALE, "scale_factor", 3),
        (UPSCALE, "denoise_strength", 1.5),
    ],
)
def test_what_is_out_of_range_is_refused(shared: Served, path: str, place: str, value: Any) -> None:
    answer = shared.client.post(path, json=put(LEAST[path], place, value))
    assert answer.status_code == 400, answer.text
    assert (error_of(answer)["code"], error_of(answer)["details"]["field"]) == ("INVALID_REQUEST", place)


def test_colours_that_there_are_not_are_refused(shared: Served) -> None:
    answer = shared.client.post(CUTOUT, json=LEAST[CUTOUT] | {"mode": "replace", "background_color": "no colour"})
    assert (answer.status_code, error_of(answer)["details"]["field"]) == (400, "background_color")


@pytest.mark.parametrize(
    ("path", "place"), [(path, name) for path in LEAST for name in LEAST[path] if name.endswith(("image", "url"))]
)
@pytest.mark.parametrize(
    "hostile",
    [
        "data:image/png;base64,AAAA",
        "no base64 at all",
        "file:///etc/passwd",
        "http://127.0.0.1:9/a.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://user:secret@example.org/a.png",
        "https://",
        picture(4, 4),
    ],
)
def test_a_hostile_picture_is_an_invalid_image(shared: Served, path: str, place: str, hostile: str) -> None:
    answer = shared.client.post(path, json=LEAST[path] | {place: hostile})
    assert (answer.status_code, error_of(answer)["code"]) == (400, "INVALID_IMAGE"), answer.text
    assert error_of(answer)["details"]["field"] == place


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"NaN", b'{"prompt": "\xff"}', b'{"a":' * 2000])
def test_what_is_no_json_object_is_an_invalid_request(shared: Served, body: bytes) -> None:
    answer = shared.client.post(TEXT, content=body)
    assert (answer.status_code, error_of(answer)["code"]) == (400, "INVALID_REQUEST")


def test_unknown_fields_are_named_wherever_they_are(shared: Served) -> None:
    answer = shared.client.post(TEXT, json=STAR | {"mood": 1, "parameters": {"tiling": True}, "output": {"dpi": 300}})
    assert answer.headers["x-darkroom-ignored-fields"] == "mood, output.dpi, parameters.tiling"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", TEXT), ("DELETE", "/api/v2/generations/gen_a"), ("POST", "/api/v2/no")]
)
def test_addresses_that_there_are_not_answer_in_the_words_of_the_document(
    shared: Served, method: str, path: str
) -> None:
    answer = shared.client.request(method, path)
    assert (answer.status_code, error_of(answer)["code"]) in ((400, "INVALID_REQUEST"), (404, "NOT_FOUND"))


@pytest.mark.parametrize(
    ("path", "place", "value", "field", "drawn"),
    [
        (TEXT, "negative_prompt", "blue", "negative_prompt", "blue"),
        (TEXT, "model", "flat", "model", "flat"),
        (TEXT, "parameters.width", 96, "width", 96),
        (TEXT, "parameters.height", 96, "height", 96),
        (TEXT, "parameters.num_outputs", 3, "count", 3),
        (TEXT, "parameters.num_inference_steps", 10, "steps", 10),
        (TEXT, "parameters.guidance_scale", 7.5, "guidance_scale", 7.5),
        (TEXT, "parameters.seed", 42, "seed", 42),
        (TEXT, "parameters.sampler", "k_euler_a", "sampler", "euler_a"),
        (TEXT, "parameters.scheduler", "DDIM", "sampler", "ddim"),
        (TEXT, "parameters", {"scheduler": "DDIM", "sampler": "k_heun"}, "sampler", "heun"),
        (TEXT, "style.lighting", "golden_hour", "prompt", "a red star, warm golden hour light"),
        (TEXT, "style.camera_angle", "wide_angle", "prompt", "a red star, wide-angle view"),
        (IMAGE, "strength", 0.5, "strength", 0.5),
        (IMAGE, "preserve.colors", True, "keep_colours", True),
        (INPAINT, "inpaint_mode", "blur", "fill", "blur"),
        (INPAINT, "mask_blur", 9, "mask_blur", 9),
        (UPSCALE, "scale_factor", 2, "width", 128),
        (UPSCALE, "denoise_strength", 0.25, "denoise", 0.25),
    ],
)
def test_a_field_changes_what_is_drawn(
    shared: Served, path: str, place: str, value: Any, field: str, drawn: Any
) -> None:
    worker = shared.worker
    shared.client.post(path, json=LEAST[path]).raise_for_status()
    assert getattr(worker.tasks[-1], field) != drawn or value == "flat"
    shared.client.post(path, json=put(LEAST[path], place, value)).raise_for_status()
    assert getattr(worker.tasks[-1], field) == drawn


def test_the_style_of_a_picture_is_an_image_prompt_where_an_adapter_is_installed(shared: Served) -> None:
    answer = shared.client.post(IMAGE, json=LEAST[IMAGE] | {"preserve": {"style": True}}).raise_for_status().json()
    (prompt,) = shared.worker.tasks[-1].image_prompts  # type: ignore[union-attr]
    assert prompt.model == "looks"
    assert answer["images"][0]["transformations_applied"] == ["redraw", "style_reference"]


def test_a_structure_that_nothing_here_can_follow_is_a_model_that_is_missing(shared: Served) -> None:
    answer = shared.client.post(IMAGE, json=LEAST[IMAGE] | {"preserve": {"structure": True}})
    assert (answer.status_code, error_of(answer)["code"]) == (503, "MODEL_NOT_AVAILABLE")
    assert error_of(answer)["details"]["field"] == "preserve.structure"


def test_with_preserve_masked_area_the_rest_is_drawn_anew(shared: Served) -> None:
    for keeps, percentage, region in ((False, 25, (0, 16)), (True, 75, (16, 48))):
        answer = (
            shared.client.post(INPAINT, json=LEAST[INPAINT] | {"preserve_masked_area": keeps}).raise_for_status().json()
        )
        image = answer["images"][0]
        assert image["mask_area_percentage"] == percentage
        assert image["inpainted_regions"] == [{"x": region[0], "y": 0, "width": region[1], "height": 64}]


def test_what_is_done_to_a_picture_is_what_was_asked_for(shared: Served) -> None:
    asked = {"edge_smoothing": True, "foreground_threshold": 0.4, "mode": "replace", "background_color": "lime"}
    shared.client.post(CUTOUT, json=LEAST[CUTOUT] | asked).raise_for_status()
    task: Any = shared.worker.tasks[-1]
    assert (task.edge.threshold, task.edge.smoothing, task.background, task.output) == (0.4, 2.0, "#00ff00", "both")
    shared.client.post(FILTERS, json=LEAST[FILTERS] | {"preserve_metadata": True}).raise_for_status()
    assert shared.worker.tasks[-1].kept  # type: ignore[union-attr]
    answer = shared.client.post(UPSCALE, json=LEAST[UPSCALE] | {"enhance_faces": True}).raise_for_status()
    assert shared.worker.tasks[-1].faces is not None  # type: ignore[union-attr]
    assert answer.json()["result"]["original_dimensions"] == {"width": 64, "height": 64}


def test_what_takes_too_long_is_a_timeout_with_the_id_and_goes_on(serve: Serve) -> None:
    served = serve(request_seconds=0.2)
    served.worker.hold()
    answer = served.client.post(TEXT, json=STAR)
    assert (answer.status_code, error_of(answer)["code"]) == (504, "TIMEOUT")
    generation = error_of(answer)["details"]["generation_id"]
    assert shown(served, generation)["status"] == "processing"
    served.worker.let_go()
    until(lambda: shown(served, generation)["status"] == "completed")
    assert len(shown(served, generation)["images"]) == 1


def shown(served: Served, generation: str) -> dict[str, Any]:
    told: dict[str, Any] = served.client.get(f"/api/v2/generations/{generation}").raise_for_status().json()
    return told


def later(served: Served) -> str:
    answer = served.client.post(TEXT, json=STAR, headers=LATER)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_a_generation_waits_is_drawn_and_may_be_cancelled(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    first, second = later(served), later(served)
    until(lambda: shown(served, first)["status"] == "processing")
    assert shown(served, second)["status"] == "pending"
    served.client.delete(f"/darkroom/v1/jobs/{second.replace('gen_', 'job_')}").raise_for_status()
    served.worker.let_go()
    until(lambda: shown(served, first)["status"] == "completed")
    assert shown(served, second)["status"] == "cancelled"
    assert shown(served, second)["error"]["code"] == "GENERATION_FAILED"


def test_what_went_wrong_is_said_now_and_later(serve: Serve) -> None:
    served = serve()
    served.worker.failing = ("drawing_failed", "The drawing failed.")
    answer = served.client.post(TEXT, json=STAR)
    assert (answer.status_code, error_of(answer)["code"]) == (500, "GENERATION_FAILED")
    generation = later(served)
    until(lambda: shown(served, generation)["status"] == "failed")
    assert shown(served, generation)["error"] == {"code": "GENERATION_FAILED", "message": "The drawing failed."}


def test_a_server_at_its_end_is_under_maintenance(serve: Serve) -> None:
    served = serve()
    served.app.state.parts.jobs.close()
    answer = served.client.post(TEXT, json=STAR)
    assert (answer.status_code, error_of(answer)["code"]) == (503, "MAINTENANCE")
    assert answer.headers["retry-after"]


def test_words_that_the_operator_does_not_allow_are_an_invalid_prompt(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "blocked.txt").write_text("grue\n")
    answer = serve(blocklist=tmp_path / "blocked.txt").client.post(TEXT, json={"prompt": "a red grue"})
    assert (answer.status_code, error_of(answer)["code"]) == (400, "INVALID_PROMPT")
    assert error_of(answer)["details"]["field"] == "prompt"


def test_who_has_no_credits_left_has_exceeded_a_quota(serve: Serve) -> None:
    served = serve()
    served.client.put("/darkroom/v1/accounts/admin/quota", json={"credits": 0}).raise_for_status()
    answer = served.client.post(TEXT, json=STAR)
    assert (answer.status_code, error_of(answer)["code"]) == (402, "QUOTA_EXCEEDED")


@pytest.mark.parametrize(
    ("plan", "minute", "day"),
    [("free", 10, 1000), ("basic", 60, 10_000), ("pro", 300, 50_000), ("enterprise", 1_000_000, 1_000_000)],
)
def test_every_answer_tells_how_much_is_left_of_the_tier(
    serve: Serve, tmp_path: Path, plan: str, minute: int, day: int
) -> None:
    (tmp_path / "limits.yaml").write_text(TIERS)
    served = serve(limits_file=tmp_path / "limits.yaml")
    account = served.client.post("/darkroom/v1/accounts", json={"name": "x", "plan": plan}).raise_for_status().json()
    with client_at(served.url, key_for(served, account["id"])) as client:
        headers = client.post(TEXT, json=STAR).raise_for_status().headers
    counted = 0 if plan == "enterprise" else 1
    assert (int(headers["x-ratelimit-limit"]), int(headers["x-ratelimit-remaining"])) == (minute, minute - counted)
    assert (int(headers["x-quota-limit"]), int(headers["x-quota-remaining"])) == (day, day - counted)
    assert 0 < int(headers["x-ratelimit-reset-after"]) <= 3600
    assert int(headers["x-ratelimit-reset"]) % 60 == int(headers["x-quota-reset"]) % 86_400 == 0


def test_who_asks_too_often_is_limited(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "limits.yaml").write_text("default: few\ntiers: {few: {hour: 2}}\n")
    client = serve(limits_file=tmp_path / "limits.yaml").client
    answers = [client.post(TEXT, json=STAR) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert error_of(answers[2])["code"] == "RATE_LIMITED"
    assert answers[2].headers["x-ratelimit-remaining"] == "0"
    assert int(answers[2].headers["retry-after"]) > 0


def test_dollars_are_credits_times_the_price_that_is_set(serve: Serve) -> None:
    client = serve(credit_usd=0.02).client
    told = client.post(TEXT, json=STAR | {"parameters": {"num_outputs": 3}}).raise_for_status().json()
    assert told["cost"] == {"credits": 3, "usd": 0.06}


def test_jobs_of_other_apis_and_parts_of_others_are_no_generations(shared: Served) -> None:
    shared.client.post("/v1/images/generations", json={"prompt": "a star"}).raise_for_status()
    shared.client.post(IMAGE, json=LEAST[IMAGE]).raise_for_status()
    jobs = shared.client.get("/darkroom/v1/jobs").json()["jobs"][:3]
    ids = [job["id"].replace("job_", "gen_") for job in jobs]
    found = [shared.client.get(f"/api/v2/generations/{each}").status_code for each in ids]
    assert [job["task"] for job in jobs] == ["image_to_image", "describe", "text_to_image"]
    assert found == [200, 404, 404]


def test_a_picture_of_our_own_is_read_by_each_of_its_addresses(shared: Served) -> None:
    image = shared.client.post("/darkroom/v1/images", json={"image": RED}).raise_for_status().json()
    signed = shared.client.post(f"/darkroom/v1/images/{image['id']}/links", json={"seconds": 60}).json()["url"]
    file = f"{shared.url}/darkroom/v1/images/{image['id']}/file"
    for address in (signed, file):
        shared.client.post(FILTERS, json=LEAST[FILTERS] | {"image_url": address}).raise_for_status()
        assert shared.worker.tasks[-1].image.pixels[:3] == b"\xff\0\0"  # type: ignore[union-attr]
    for address in (signed[:-1], f"{shared.url}/files/none", f"{shared.url}/elsewhere", f"{signed}&expires=x"):
        answer = shared.client.post(FILTERS, json=LEAST[FILTERS] | {"image_url": address})
        assert answer.status_code in (200, 404), answer.text
    theirs = httpx.post(
        shared.url + FILTERS, headers=newcomer(shared), json=LEAST[FILTERS] | {"image_url": file}, trust_env=False
    )
    assert (theirs.status_code, error_of(theirs)["code"]) == (404, "NOT_FOUND")
