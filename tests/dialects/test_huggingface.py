"""Hugging Face's inference form, asked by its own client, and by whoever means ill."""

import base64

import httpx
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.inference._generated.types import ImageToImageTargetSize

from pipelines.tasks import ImageToImage, TextToImage
from tests.dialects.pictures import file_of, opened, plain
from tests.server.serving import KEY, Serve, Served
from tests.server.worker import flat_colour

WHITE = plain()
MARK = "do not repeat me"


@pytest.fixture
def client(shared: Served, monkeypatch: pytest.MonkeyPatch) -> InferenceClient:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return InferenceClient(f"{shared.url}/hf/flat", token=KEY, provider="hf-inference", timeout=60)


def test_the_official_client_gets_a_picture_of_its_prompt(client: InferenceClient, shared: Served) -> None:
    picture = client.text_to_image(
        "a red star",
        negative_prompt="a circle",
        width=96,
        height=64,
        num_inference_steps=5,
        guidance_scale=2.5,
        scheduler="EulerAncestralDiscreteScheduler",
        seed=7,
    )
    assert (picture.size, picture.tobytes()[:3]) == ((96, 64), flat_colour(7))
    task = shared.worker.tasks[-1]
    assert isinstance(task, TextToImage)
    assert (task.prompt, task.negative_prompt, task.steps) == ("a red star", "a circle", 5)
    assert (task.guidance_scale, task.sampler) == (2.5, "euler_a")


def test_only_a_prompt_is_needed(client: InferenceClient) -> None:
    assert client.text_to_image("a red star").size == (128, 128), "the model's own size"


def test_the_official_client_changes_a_picture(client: InferenceClient, shared: Served) -> None:
    sides = ImageToImageTargetSize(width=96, height=64)
    picture = client.image_to_image(WHITE, prompt="a red star", num_inference_steps=6, target_size=sides, strength=0.5)
    assert picture.size == (96, 64)
    task = shared.worker.tasks[-1]
    assert isinstance(task, ImageToImage)
    assert (task.prompt, task.steps, task.strength, task.image.pixels[:3]) == ("a red star", 6, 0.5, b"\xff" * 3)


def test_a_picture_without_words_comes_as_it_is(client: InferenceClient, shared: Served) -> None:
    assert client.image_to_image(WHITE).size == (64, 64), "its own size"
    task = shared.worker.tasks[-1]
    assert isinstance(task, ImageToImage)
    assert task.prompt == ""


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_a_picture_in_any_format_is_no_prompt(shared: Served, format_: str) -> None:
    encoded = base64.b64encode(file_of(opened(WHITE), format_)).decode()
    for inputs in (encoded, f"data:image/{format_.lower()};base64,{encoded}"):
        answer = shared.client.post("/hf/flat", json={"inputs": inputs, "parameters": {"prompt": "a star"}})
        assert answer.status_code == 200, answer.text
        assert isinstance(shared.worker.tasks[-1], ImageToImage)


@pytest.mark.parametrize("accept", ["image/png", "image/jpeg", "image/webp", "*/*"])
def test_the_picture_comes_in_the_format_that_is_accepted(shared: Served, accept: str) -> None:
    answer = shared.client.post("/hf/flat", json={"inputs": "a star"}, headers={"Accept": accept})
    kind = "image/png" if accept == "*/*" else accept
    assert answer.headers["content-type"] == kind
    assert opened(answer.content).format == kind.removeprefix("image/").upper()


def test_the_answer_says_what_drew_and_what_was_ignored(shared: Served) -> None:
    asked = {"inputs": "a star", "parameters": {"seed": 3, "wings": 2}, "options": {"use_cache": False}}
    headers = shared.client.post("/hf/flat", json=asked).raise_for_status().headers
    assert (headers["x-darkroom-model"], headers["x-darkroom-seed"]) == ("flat", "3")
    assert headers["x-darkroom-ignored-fields"] == "options, parameters.wings"


def test_a_model_has_the_name_that_it_has_at_the_hub(serve: Serve) -> None:
    served = serve()
    answer = served.client.post("/hf/someone/absent", json={"inputs": "a star"})
    assert (answer.status_code, "darkroom pull absent" in answer.json()["error"]) == (503, True)
    served.app.state.parts.catalog.aliases["someone/present"] = ("flat",)
    answer = served.client.post("/hf/someone/present", json={"inputs": "a star"})
    assert answer.headers["x-darkroom-model"] == "flat"


def test_the_official_client_raises_its_own_error_with_our_sentence(client: InferenceClient) -> None:
    with pytest.raises(HfHubHTTPError, match="steps must be from 1 to 10") as caught:
        client.text_to_image("a red star", num_inference_steps=1000)
    assert caught.value.request_id


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({}, 400, id="nothing"),
        pytest.param({"inputs": ""}, 400, id="no words"),
        pytest.param({"inputs": " \n"}, 400, id="blank words"),
        pytest.param({"inputs": 7}, 400, id="a number"),
        pytest.param({"inputs": [MARK]}, 400, id="a list"),
        pytest.param({"inputs": MARK * 1000}, 400, id="too many words"),
        pytest.param({"inputs": f"{MARK}\x00"}, 400, id="NUL"),
        pytest.param({"inputs": f"iVBORw0KGgo{MARK}"}, 400, id="no base64"),
        pytest.param({"inputs": "iVBORw0KGgoAAAAA"}, 400, id="half a picture"),
        pytest.param({"inputs": "/9j/"}, 400, id="the beginning of a picture"),
        pytest.param({"inputs": MARK, "parameters": MARK}, 400, id="parameters that are text"),
        pytest.param({"inputs": MARK, "parameters": {"width": "64"}}, 400, id="width in quotes"),
        pytest.param({"inputs": MARK, "parameters": {"width": 10**6}}, 400, id="endless width"),
        pytest.param({"inputs": MARK, "parameters": {"target_size": {"width": 64}}}, 400, id="half a size"),
        pytest.param({"inputs": MARK, "parameters": {"seed": -1}}, 400, id="seed below 0"),
        pytest.param({"inputs": MARK, "parameters": {"scheduler": MARK}}, 400, id="unknown scheduler"),
        pytest.param({"inputs": MARK, "parameters": {"guidance_scale": True}}, 400, id="guidance that is true"),
        pytest.param({"inputs": MARK, "parameters": {"negative_prompt": MARK * 1000}}, 400, id="long negative prompt"),
    ],
)
def test_a_bad_body_gets_a_sentence_and_no_echo(shared: Served, body: dict[str, object], status: int) -> None:
    answer = shared.client.post("/hf/flat", json=body)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].endswith(".")
    assert MARK not in answer.text


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("/hf/nothing", {}, 404, id="unknown model"),
        pytest.param("/hf/", {}, 404, id="no model"),
        pytest.param("/hf/ink", {}, 400, id="a model that cannot draw"),
        pytest.param("/hf/flat", {"Authorization": "Bearer wrong"}, 401, id="wrong key"),
    ],
)
def test_what_cannot_be_is_told_in_their_shape(shared: Served, path: str, headers: dict[str, str], status: int) -> None:
    answer = httpx.post(
        f"{shared.url}{path}", json={"inputs": MARK}, headers={"Authorization": f"Bearer {KEY}"} | headers
    )
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert MARK not in answer.text
