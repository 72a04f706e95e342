"""What needs an IP-Adapter or a segmenter where none is installed: done in another way, which is said, or refused."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from pipelines.tasks import ImageToImage
from tests.server.serving import Serve


def picture() -> str:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


PICTURE = picture()
REFERENCE = {"mimeType": "image/png", "data": PICTURE}
DATA_URL = f"data:image/png;base64,{PICTURE}"
IN_ITS_STYLE = {"prompt": "a star", "init_image": DATA_URL, "preserve": {"style": True}}
STUDIO = {"control_image_base64": PICTURE, "style_image_base64": PICTURE, "prompt": "a star"}
EDIT = {"image_base64": PICTURE, "prompt": "a blue star"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v0/images/generations", {"prompt": "a star", "refImageBase64": [REFERENCE]}),
        ("/api/v2/generate/image-to-image", IN_ITS_STYLE),
    ],
)
def test_the_picture_is_drawn_over_and_the_answer_says_so(serve: Serve, path: str, body: dict[str, Any]) -> None:
    served = serve()
    (served.data / "models" / "looks" / "looks.safetensors").unlink()
    answer = served.client.post(path, json=body).raise_for_status()
    task = served.worker.tasks[-1]
    assert isinstance(task, ImageToImage)
    assert (task.image_prompts, task.image.pixels[:3]) == ((), b"\xff\0\0")
    assert "IP-Adapter" in answer.headers["x-darkroom-warning"]


@pytest.mark.parametrize("operation", ["style", "style_transfer"])
def test_what_cannot_be_done_without_is_a_503(serve: Serve, operation: str) -> None:
    served = serve()
    (served.data / "models" / "looks" / "looks.safetensors").unlink()
    answer = served.client.post("/api/image-studio/control/process", json=STUDIO | {"operation": operation})
    assert (answer.status_code, list(answer.json())) == (503, ["detail"])
    assert "No IP-Adapter for this model is installed" in answer.json()["detail"]


@pytest.mark.parametrize(
    "words",
    [
        {"operation": "search_replace", "search_prompt": "star"},
        {"operation": "search_recolor", "select_prompt": "star"},
        {"operation": "inpaint", "search_prompt": "star"},
        {"operation": "inpaint", "select_prompt": "star"},
    ],
)
def test_words_that_nothing_can_look_for_are_a_503(serve: Serve, words: dict[str, Any]) -> None:
    answer = serve().client.post("/api/image-studio/edit/process", json=EDIT | words)
    assert (answer.status_code, list(answer.json())) == (503, ["detail"])
    assert "No model that does this is installed" in answer.json()["detail"]


def test_operations_that_need_words_found_are_listed_as_unavailable(serve: Serve) -> None:
    operations = serve().client.get("/api/image-studio/edit/operations").raise_for_status().json()["operations"]
    searching = {name: operations[name] for name in ("search_replace", "search_recolor")}
    assert {(each["available"], each["provider"]) for each in searching.values()} == {(False, None)}
    assert (operations["inpaint"]["available"], operations["inpaint"]["fields"]["search_prompt"]) == (True, False)
