"""Whatever is in a request of /api/v2 that draws or processes: it is taken, and changes what is done, or refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from server.dialects.imagegen_v2 import bodies
from tests.dialects.imagegen import (
    CUTOUT,
    FILTERS,
    IMAGE,
    INPAINT,
    LEAST,
    STAR,
    TEXT,
    UPSCALE,
    Worker,
    client_at,
    error_of,
    picture,
)  # fmt: skip
from tests.server.serving import Served, application, running

BODIES: dict[str, type[BaseModel]] = {
    TEXT: bodies.TextToImage,
    IMAGE: bodies.ImageToImage,
    INPAINT: bodies.Inpaint,
    FILTERS: bodies.Filters,
    CUTOUT: bodies.RemoveBackground,
    UPSCALE: bodies.Upscale,
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests that leave it as it was."""
    folder, worker = tmp_path_factory.mktemp("shared"), Worker()
    app = application(folder, worker)
    with running(app) as url, client_at(url) as client:
        yield Served(url, client, worker, app, folder)


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


@pytest.mark.parametrize(("path", "place"), PLACES)
def test_null_is_as_if_the_field_were_not_there(shared: Served, path: str, place: str) -> None:
    answer = shared.client.post(path, json=put(LEAST[path], place, None))
    assert answer.status_code == (400 if place in LEAST[path] else 200), answer.text


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
