"""The OpenAI dialect, asked by OpenAI's own Python client over a real connection, and by whoever means ill."""

import base64
import io
import json
from collections.abc import Iterator

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from server.dialects.openai.asked import Generation
from tests.server.serving import KEY, Serve, Served, until
from tests.server.worker import StepWorker, flat_colour

GENERATIONS = "/v1/images/generations"


def client_of(served: Served, key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key=key, max_retries=0)


@pytest.fixture
def client(shared: Served) -> Iterator[openai.OpenAI]:
    with client_of(shared) as client:
        yield client


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def test_the_official_client_gets_three_pictures_in_base64(client: openai.OpenAI) -> None:
    answer = client.images.generate(
        prompt="a red star", model="flat", n=3, size="64x96", response_format="b64_json", extra_body={"seed": 7}
    )
    pictures = [opened(base64.b64decode(item.b64_json or "")) for item in answer.data or []]
    assert [picture.size for picture in pictures] == [(64, 96)] * 3
    assert [picture.tobytes()[:3] for picture in pictures] == [flat_colour(seed) for seed in (7, 8, 9)]
    assert answer.created > 0
    assert (answer.size, answer.output_format, answer.background) == ("64x96", "png", "opaque")


def test_the_official_client_gets_addresses_that_need_no_key(client: openai.OpenAI) -> None:
    answer = client.images.generate(prompt="a red star", n=3, response_format="url", extra_body={"seed": 7})
    pictures = [opened(httpx.get(item.url or "").content) for item in answer.data or []]
    assert [picture.tobytes()[:3] for picture in pictures] == [flat_colour(seed) for seed in (7, 8, 9)]


def test_only_a_prompt_is_needed(client: openai.OpenAI) -> None:
    answer = client.images.generate(prompt="a red star")
    (item,) = answer.data or []
    assert opened(httpx.get(item.url or "").content).size == (128, 128), "the model's own size"


def test_the_official_client_lists_what_is_installed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["flat"]
    assert client.models.retrieve("flat").object == "model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("absent")


@pytest.mark.parametrize(
    ("asked", "wrong", "param"),
    [
        pytest.param({"n": 11}, openai.BadRequestError, "n", id="a bad number"),
        pytest.param({"size": "huge"}, openai.BadRequestError, "size", id="a bad size"),
        pytest.param({"size": "9000x64"}, openai.BadRequestError, "size", id="a size out of range"),
        pytest.param({"model": "dall-e-3"}, openai.NotFoundError, "model", id="a model that is not here"),
        pytest.param(
            {"background": "transparent", "output_format": "jpeg"},
            openai.BadRequestError,
            "output_format",
            id="jpeg that is transparent",
        ),
        pytest.param({"extra_body": {"seed": "7"}}, openai.BadRequestError, "seed", id="a plain field of ours"),
        pytest.param({"output_compression": 50}, openai.BadRequestError, "output_compression", id="png compressed"),
        pytest.param({"model": "enlarger"}, openai.BadRequestError, "model", id="a model that cannot draw"),
        pytest.param({"model": "absent"}, openai.InternalServerError, "model", id="a model that is not installed"),
    ],
)
def test_the_official_client_raises_its_own_exceptions(
    client: openai.OpenAI, asked: dict[str, object], wrong: type[openai.APIStatusError], param: str
) -> None:
    with pytest.raises(wrong) as caught:
        client.images.generate(prompt="a red star", **asked)  # type: ignore[call-overload]
    assert caught.value.param == param
    assert caught.value.request_id is not None


def test_an_unknown_model_has_the_code_that_clients_look_for(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.images.generate(prompt="a red star", model="gpt-image-1")
    assert caught.value.code == "model_not_found"


def test_a_wrong_key_is_an_authentication_error(shared: Served) -> None:
    with client_of(shared, key="sk-wrong") as client, pytest.raises(openai.AuthenticationError) as caught:
        client.images.generate(prompt="a red star")
    assert (caught.value.code, caught.value.type) == ("invalid_api_key", "authentication_error")


def test_a_full_queue_is_a_rate_limit_error_that_says_when_to_return(serve: Serve) -> None:
    served = serve(max_queue=1)
    served.worker.hold()
    job = {"task": "text_to_image", "prompt": "a red star"}
    served.client.post("/darkroom/v1/jobs", json=job)
    served.worker.await_running()
    until(lambda: served.client.get("/readyz").json()["running"] == 1)
    until(lambda: served.client.post("/darkroom/v1/jobs", json=job).status_code == 429)
    with client_of(served) as client, pytest.raises(openai.RateLimitError) as caught:
        client.images.generate(prompt="a red star")
    assert int(caught.value.response.headers["retry-after"]) >= 1
    assert caught.value.code == "rate_limit_exceeded"


def test_a_failed_job_is_a_server_error_with_the_worker_s_sentence(serve: Serve) -> None:
    worker = StepWorker()
    worker.failing = ("out_of_memory", "The device has not enough memory: ask for a smaller size.")
    with client_of(serve(worker)) as client, pytest.raises(openai.InternalServerError, match="smaller size") as caught:
        client.images.generate(prompt="a red star")
    assert (caught.value.status_code, caught.value.code) == (503, "out_of_memory")


@pytest.mark.parametrize(
    ("quality", "steps"), [("auto", 8), ("standard", 8), ("medium", 8), ("low", 4), ("high", 10), ("hd", 10)]
)
def test_quality_sets_the_steps_within_the_model_s_limit(serve: Serve, quality: str, steps: int) -> None:
    served = serve()
    served.client.post(GENERATIONS, json={"prompt": "a red star", "quality": quality}).raise_for_status()
    assert served.worker.steps_drawn == steps, "the model's own are 8, its limit 10"


@pytest.mark.parametrize("plain", [{"steps": 3}, {"num_inference_steps": 3}, {"steps": 3, "num_inference_steps": 5}])
def test_plain_steps_win_over_quality(serve: Serve, plain: dict[str, int]) -> None:
    served = serve()
    served.client.post(GENERATIONS, json={"prompt": "a red star", "quality": "hd"} | plain).raise_for_status()
    assert served.worker.steps_drawn == 3


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp"])
def test_the_picture_comes_in_the_format_asked_for(shared: Served, format_: str) -> None:
    asked = {"prompt": "a red star", "output_format": format_, "response_format": "b64_json"}
    answer = shared.client.post(GENERATIONS, json=asked).json()
    assert opened(base64.b64decode(answer["data"][0]["b64_json"])).format == format_.upper()
    asked["response_format"] = "url"
    url = shared.client.post(GENERATIONS, json=asked).json()["data"][0]["url"]
    assert httpx.get(url).headers["content-type"] == f"image/{format_}"


def test_null_means_absent(shared: Served) -> None:
    asked = dict.fromkeys(("model", "n", "size", "seed", "steps", "quality", "user", "output_format"))
    assert shared.client.post(GENERATIONS, json={"prompt": "a red star", **asked}).status_code == 200


def test_fields_that_change_nothing_are_named_in_a_header(shared: Served) -> None:
    asked = {"prompt": "a red star", "moderation": "low", "wings": 2, "bad\nname": 1, "x" * 65: 1}
    answer = shared.client.post(GENERATIONS, json=asked)
    assert answer.status_code == 200
    assert answer.headers["x-darkroom-ignored-fields"] == "wings"


def test_the_answer_says_what_drew_and_at_which_size(shared: Served) -> None:
    answer = shared.client.post(GENERATIONS, json={"prompt": "a red star", "size": "64x64"})
    assert answer.headers["x-darkroom-model"] == "flat"
    assert answer.headers["x-darkroom-rendered-size"] == "64x64"


MARK = "do not repeat me"  # stands in every body below and may stand in no answer
BAD_BODIES = [
    pytest.param({"model": f"{MARK}"}, 404, id="unknown model"),
    pytest.param({"size": "9999x9999"}, 400, id="size out of range"),
    pytest.param({"size": "0x64"}, 400, id="size of nothing"),
    pytest.param({"size": f"64x{MARK}"}, 400, id="size that is no number"),
    pytest.param({"size": 64}, 400, id="size of the wrong type"),
    pytest.param({"size": "\uff16\uff14x\uff16\uff14"}, 400, id="size in other digits"),
    pytest.param({"n": 0}, 400, id="n of 0"),
    pytest.param({"n": 100}, 400, id="n of 100"),
    pytest.param({"n": True}, 400, id="n that is true"),
    pytest.param({"n": 1.5}, 400, id="half a picture"),
    pytest.param({"prompt": ""}, 400, id="empty prompt"),
    pytest.param({"prompt": " \n\t "}, 400, id="blank prompt"),
    pytest.param({"prompt": MARK * 1250}, 400, id="prompt of 20,000 characters"),
    pytest.param({"prompt": f"{MARK}\x00"}, 400, id="NUL in the prompt"),
    pytest.param({"prompt": [MARK]}, 400, id="prompt that is a list"),
    pytest.param({"prompt": None}, 400, id="no prompt"),
    pytest.param({"negative_prompt": MARK * 1250}, 400, id="long negative prompt"),
    pytest.param({"seed": 2**80}, 400, id="seed of 2**80"),
    pytest.param({"seed": 2**63}, 400, id="seed of 2**63"),
    pytest.param({"seed": -1}, 400, id="seed below 0"),
    pytest.param({"seed": 2**63 - 1, "n": 2}, 400, id="second seed of 2**63"),
    pytest.param({"seed": "7"}, 400, id="seed in quotes"),
    pytest.param({"steps": 0}, 400, id="no steps"),
    pytest.param({"steps": 10**9}, 400, id="endless steps"),
    pytest.param({"guidance_scale": -1e300}, 400, id="guidance below all"),
    pytest.param({"guidance_scale": True}, 400, id="guidance that is true"),
    pytest.param({"sampler": MARK}, 400, id="unknown sampler"),
    pytest.param({"quality": MARK}, 400, id="unknown quality"),
    pytest.param({"response_format": MARK}, 400, id="unknown response format"),
    pytest.param({"output_format": "gif"}, 400, id="unknown output format"),
    pytest.param({"output_compression": 101}, 400, id="compression above 100"),
    pytest.param({"stream": "yes"}, 400, id="stream that is text"),
    pytest.param({"stream": True, "partial_images": 4}, 400, id="four previews"),
    pytest.param({"stream": True, "steps": 0}, 400, id="a stream of nothing"),
    pytest.param({"background": MARK}, 400, id="unknown background"),
    pytest.param({"loras": MARK}, 400, id="LoRAs that are text"),
    pytest.param({"loras": [{"name": MARK}]}, 404, id="unknown LoRA"),
    pytest.param({"controls": [{"model": "lines", "image": MARK}]}, 400, id="a control without a picture"),
    pytest.param({"first_pass": {"width": 64}}, 400, id="half a first pass"),
    pytest.param({"user": {MARK: MARK}}, 400, id="user that is an object"),
]
BAD_BYTES = [
    pytest.param(b'{"prompt": "' + MARK.encode() + b'", "guidance_scale": NaN}', 400, id="NaN"),
    pytest.param(b'{"prompt": "' + MARK.encode() + b'", "guidance_scale": Infinity}', 400, id="Infinity"),
    pytest.param(b'{"prompt": "' + MARK.encode() + b'", "guidance_scale": 1e999}', 400, id="1e999"),
    pytest.param(b'{"prompt": "' + MARK.encode() + b' \\ud800"}', 400, id="lone surrogate"),
    pytest.param(b'{"prompt": "a", "\\ud800": 1}', 400, id="lone surrogate in a name"),
    pytest.param(b'{"prompt": "' + MARK.encode() + b' \xff"}', 400, id="no UTF-8"),
    pytest.param(b'{"prompt": "' + MARK.encode(), 400, id="truncated"),
    pytest.param(b'{"prompt": "a", "seed": ' + b"9" * 5000 + b"}", 400, id="5,000 digits"),
    pytest.param(b"[" * 100_000, 400, id="nested 100,000 deep"),
    pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, id="objects nested 100,000 deep"),
    pytest.param(b'{"prompt": ' + b"[" * 1000 + b"]" * 1000 + b"}", 400, id="prompt nested 1,000 deep"),
    pytest.param(b"[1]", 400, id="a list"),
    pytest.param(b'"' + MARK.encode() + b'"', 400, id="a string"),
    pytest.param(b"", 400, id="nothing"),
    pytest.param('{"prompt": "a"}'.encode("utf-16"), 400, id="UTF-16"),
]


def is_refused_politely(answer: httpx.Response, status: int) -> None:
    """The status, OpenAI's shape with a sentence, and nothing of what was sent."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == ("authentication_error" if status == 401 else "invalid_request_error")
    assert error["message"].endswith(".")
    assert len(error["message"]) > 20
    assert "x-request-id" in answer.headers
    assert MARK not in answer.text


@pytest.mark.parametrize(("fields", "status"), BAD_BODIES)
def test_a_bad_field_gets_a_sentence_and_no_echo(shared: Served, fields: dict[str, object], status: int) -> None:
    is_refused_politely(shared.client.post(GENERATIONS, json={"prompt": MARK, **fields}), status)


@pytest.mark.parametrize(("content", "status"), BAD_BYTES)
def test_a_bad_body_gets_a_sentence_and_no_echo(shared: Served, content: bytes, status: int) -> None:
    is_refused_politely(shared.client.post(GENERATIONS, content=content), status)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(Generation.model_fields)), ANYTHING, max_size=4))
def test_no_value_of_any_field_is_our_fault(shared: Served, fields: dict[str, object]) -> None:
    answer = shared.client.post(GENERATIONS, content=json.dumps({"prompt": "a red star"} | fields).encode())
    assert answer.status_code in (200, 400, 404), answer.text


@pytest.mark.parametrize("is_claimed", [pytest.param(True, id="Content-Length"), pytest.param(False, id="chunked")])
def test_a_body_of_50_mb_is_refused_before_it_is_kept(shared: Served, is_claimed: bool) -> None:
    pieces = (b"a" * 100_000 for _ in range(500))
    is_refused_politely(shared.client.post(GENERATIONS, content=b"".join(pieces) if is_claimed else pieces), 413)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no key"),
        pytest.param({"Authorization": ""}, id="empty header"),
        pytest.param({"Authorization": "Bearer"}, id="empty key"),
        pytest.param({"Authorization": f"Bearer {MARK}"}, id="wrong key"),
        pytest.param({"Authorization": f"Basic {KEY}"}, id="another scheme"),
        pytest.param({"X-API-Key": MARK}, id="wrong key in the other header"),
        pytest.param({"Authorization": "Bearer schlüssel"}, id="a key beyond ASCII"),
    ],
)
def test_without_the_right_key_the_door_stays_shut(shared: Served, headers: dict[str, str]) -> None:
    raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    answer = httpx.post(f"{shared.url}{GENERATIONS}", json={"prompt": MARK}, headers=raw)
    is_refused_politely(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/v1/nothing", 404, id="unknown address"),
        pytest.param("GET", GENERATIONS, 405, id="wrong method"),
        pytest.param("GET", "/v1/models/%ff%00", 404, id="a model's name that is no text"),
    ],
)
def test_an_address_that_is_not_there_is_told_in_the_vendor_s_shape(
    shared: Served, method: str, path: str, status: int
) -> None:
    is_refused_politely(shared.client.request(method, path), status)


def test_the_server_is_well_after_all_that(shared: Served) -> None:
    answer = shared.client.post(GENERATIONS, content=json.dumps({"prompt": "a red star"}))
    assert answer.status_code == 200
    figures = shared.client.get("/metrics").text
    assert 'status="400"' in figures
    assert 'status="500"' not in figures
