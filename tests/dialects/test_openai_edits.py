"""Given pictures by OpenAI's API: what its own client sends becomes the right task, and bad forms get a sentence."""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from pipelines.tasks import ImageToImage, Inpaint, Lora, RemoveBackground, Task, TextToImage, Upscale
from tests.dialects.pictures import mask_with_hole, opened, plain
from tests.promises.mortal import QuickWorker
from tests.server.serving import KEY, Serve, Served
from tests.server.worker import flat_colour

EDITS, VARIATIONS = "/v1/images/edits", "/v1/images/variations"
UPSCALE, REMOVE = "/v1/images/upscale", "/v1/images/remove-background"
ALL = (EDITS, VARIATIONS, UPSCALE, REMOVE)
WHITE = plain()
HOLE = (16, 16, 47, 47)
MASK = mask_with_hole((64, 64), HOLE)
MARK = "do not repeat me"


@pytest.fixture
def client(shared: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{shared.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def named(content: bytes, name: str = "star.png") -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = name
    return file


def last(served: Served) -> Task:
    return served.worker.tasks[-1]


def test_an_edit_without_a_mask_draws_the_whole_picture_over(client: openai.OpenAI, shared: Served) -> None:
    answer = client.images.edit(
        image=named(plain(size=(96, 64))), prompt="a red star", n=2, response_format="b64_json", extra_body={"seed": 7}
    )
    pictures = [opened(item.b64_json or "") for item in answer.data or []]
    assert [picture.size for picture in pictures] == [(96, 64)] * 2, "the image's own size"
    assert [picture.tobytes()[:3] for picture in pictures] == [flat_colour(seed) for seed in (7, 8)]
    task = last(shared)
    assert isinstance(task, ImageToImage)
    assert (task.prompt, task.count, task.strength, task.image.pixels[:3]) == ("a red star", 2, 0.6, b"\xff\xff\xff")


def test_a_mask_is_drawn_anew_where_it_is_transparent(client: openai.OpenAI, shared: Served) -> None:
    client.images.edit(image=named(WHITE), mask=named(MASK), prompt="a red star")
    task = last(shared)
    assert isinstance(task, Inpaint)
    marked = {(place % 64, place // 64) for place, level in enumerate(task.mask.pixels) if level}
    left, top, right, bottom = HOLE
    assert marked == {(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)}


@pytest.mark.parametrize(
    ("count", "fidelity", "prompts"),
    [
        pytest.param(1, None, [], id="none"),
        pytest.param(3, None, [(2, 0.5)], id="two"),
        pytest.param(3, "high", [(2, 1.0)], id="two, faithfully"),
        pytest.param(16, "high", [(5, 1 / 3)] * 3, id="as many as can be"),
    ],
)
def test_further_images_are_what_the_result_is_to_look_like(
    client: openai.OpenAI, shared: Served, count: int, fidelity: Any, prompts: list[tuple[int, float]]
) -> None:
    images = [named(WHITE), *(named(plain("red")) for _ in range(count - 1))]
    more = {} if fidelity is None else {"input_fidelity": fidelity}
    client.images.edit(image=images, prompt="a red star", **more)
    task = last(shared)
    assert isinstance(task, ImageToImage)
    assert task.image.pixels[:3] == b"\xff\xff\xff", "the first is edited"
    assert [(len(prompt.images), prompt.scale) for prompt in task.image_prompts] == prompts
    assert all(image.pixels[:3] == b"\xff\x00\x00" for prompt in task.image_prompts for image in prompt.images)


def test_plain_fields_of_ours_go_through_a_form(client: openai.OpenAI, shared: Served) -> None:
    fields = {
        "seed": 3,
        "steps": 5,
        "guidance_scale": 2.5,
        "negative_prompt": "a circle",
        "sampler": "Euler a",
        "strength": 0.5,
        "loras": [{"name": "ink", "scale": 0.5}],
        "variation": {"seed": 9, "strength": 0.25},
    }
    client.images.edit(image=named(WHITE), prompt="a red star", size="128x64", extra_body=fields)
    task = last(shared)
    assert isinstance(task, ImageToImage)
    assert (task.seed, task.steps, task.guidance_scale, task.strength) == (3, 5, 2.5, 0.5)
    assert (task.negative_prompt, task.sampler, task.loras) == ("a circle", "euler_a", (Lora("ink", 0.5),))
    assert task.variation is not None
    assert (task.variation.seed, task.variation.strength) == (9, 0.25)
    assert (task.width, task.height) == (128, 64)


def test_plain_fields_of_ours_go_through_json(client: openai.OpenAI, shared: Served) -> None:
    fields = {"loras": [{"name": "ink"}], "clip_skip": 1, "first_pass": {"width": 64, "height": 64}, "economy": True}
    client.images.generate(prompt="a red star", extra_body=fields)
    task = last(shared)
    assert isinstance(task, TextToImage)
    assert (task.loras, task.clip_skip, task.guidance_interval) == ((Lora("ink"),), 1, (0.0, 0.7))
    assert task.first_pass is not None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the client says that OpenAI has given them up
def test_a_variation_needs_no_words(client: openai.OpenAI, shared: Served) -> None:
    answer = client.images.create_variation(image=named(WHITE), n=2, size="256x256", response_format="b64_json")
    assert [opened(item.b64_json or "").size for item in answer.data or []] == [(256, 256)] * 2
    assert isinstance(last(shared), ImageToImage)


def test_what_has_no_use_in_an_edit_is_named(shared: Served) -> None:
    form = {"prompt": "a star", "mask_blur": "8", "fit": "pad", "wings": "2"}
    whole = shared.client.post(EDITS, data=form, files={"image": WHITE})
    masked = shared.client.post(EDITS, data=form, files={"image": WHITE, "mask": MASK})
    assert (whole.status_code, masked.status_code) == (200, 200), whole.text
    assert whole.headers["x-darkroom-ignored-fields"] == "wings, mask_blur"
    assert masked.headers["x-darkroom-ignored-fields"] == "wings, fit"


@pytest.mark.parametrize(
    ("model", "is_in_base64"), [("gpt-image-1", True), ("gpt-image-2", True), ("dall-e-2", False), (None, False)]
)
def test_models_of_openai_s_answer_as_they_do_there(serve: Serve, model: str | None, is_in_base64: bool) -> None:
    served = serve()
    served.app.state.parts.catalog.aliases.update(dict.fromkeys(("gpt-image-1", "gpt-image-2", "dall-e-2"), ()))
    answer = served.client.post("/v1/images/generations", json={"prompt": "a star", "model": model})
    assert answer.headers["x-darkroom-model"] == "flat"
    assert ("b64_json" in answer.json()["data"][0]) is is_in_base64


@pytest.fixture
def quick(serve: Serve) -> Served:
    """Ends tasks of every kind at once."""
    return serve(QuickWorker())


@pytest.mark.parametrize(
    ("form", "size"),
    [
        pytest.param({}, (256, 256), id="four times"),
        pytest.param({"scale": "2"}, (128, 128), id="twice"),
        pytest.param({"scale": "3"}, (192, 192), id="three times"),
        pytest.param({"size": "100x80"}, (100, 80), id="to a size"),
        pytest.param({"scale": "2", "mode": "fast", "response_format": "b64_json"}, (128, 128), id="without a network"),
    ],
)
def test_an_enlargement_is_answered_like_an_image(quick: Served, form: dict[str, str], size: tuple[int, int]) -> None:
    answer = quick.client.post(UPSCALE, data=form, files={"image": WHITE})
    assert answer.status_code == 200, answer.text
    task = last(quick)
    assert isinstance(task, Upscale)
    assert (task.width, task.height, task.model) == (*size, None)
    body = answer.json()
    assert body["data"][0].keys() == {"b64_json" if "response_format" in form else "url", "seed"}
    assert (body["background"], body["output_format"], body["usage"]) == ("opaque", "png", None)


def test_a_background_is_removed_and_the_answer_says_so(quick: Served) -> None:
    form = {"method": "grabcut", "threshold": "0.5", "output_format": "webp"}
    answer = quick.client.post(REMOVE, data=form, files={"image": WHITE}).raise_for_status().json()
    task = last(quick)
    assert isinstance(task, RemoveBackground)
    assert (task.model, task.edge.threshold, task.background) == (None, 0.5, None)
    assert (answer["background"], answer["output_format"]) == ("transparent", "webp")
    answer = quick.client.post(REMOVE, data={"background": "teal"}, files={"image": WHITE}).raise_for_status().json()
    task = last(quick)
    assert isinstance(task, RemoveBackground)
    assert (task.background, answer["background"]) == ("#008080", "opaque")


def test_each_of_several_pictures_loses_its_background(quick: Served) -> None:
    asked = {"prompt": "a star", "n": 3, "seed": 5, "background": "transparent", "response_format": "b64_json"}
    answer = quick.client.post("/v1/images/generations", json=asked).raise_for_status().json()
    kinds = [type(task) for task in quick.worker.tasks]
    assert kinds == [TextToImage, *[RemoveBackground] * 3]
    assert [item["seed"] for item in answer["data"]] == [5, 6, 7]
    assert (answer["background"], answer["output_format"]) == ("transparent", "png")


def test_a_transparent_picture_that_is_asked_for_again_is_drawn_once(quick: Served) -> None:
    asked = {"prompt": "a star", "background": "transparent"}
    first, second = (
        quick.client.post("/v1/images/generations", json=asked, headers={"Idempotency-Key": "k"}).json()
        for _ in range(2)
    )
    assert first == second
    assert len(quick.worker.tasks) == 2, "the drawing and the cut-out"


def test_an_edit_that_its_client_sends_again_is_drawn_once(shared: Served) -> None:
    """The boundary of a form is another one each time."""
    before = len(shared.worker.tasks)
    urls = [
        shared.client.post(
            EDITS,
            data={"prompt": "once"},
            files={"image": WHITE},
            headers={
                "x-stainless-retry-count": str(tries),
                "Content-Type": f"multipart/form-data; boundary=try{tries}",
            },
        ).json()["data"][0]["url"]
        for tries in range(2)
    ]
    assert urls[0] == urls[1]
    assert len(shared.worker.tasks) == before + 1


BAD_FIELDS = [
    pytest.param({"n": "0"}, "n", (EDITS, VARIATIONS), id="n of 0"),
    pytest.param({"n": "11"}, "n", (EDITS, VARIATIONS), id="n of 11"),
    pytest.param({"n": "two"}, "n", (EDITS, VARIATIONS), id="n in words"),
    pytest.param({"n": "NaN"}, "n", (EDITS, VARIATIONS), id="n that is no number"),
    pytest.param({"size": f"64x{MARK}"}, "size", (EDITS, VARIATIONS, UPSCALE), id="size that is no number"),
    pytest.param({"size": "99999x64"}, "size", (EDITS, VARIATIONS, UPSCALE), id="size out of range"),
    pytest.param({"response_format": MARK}, "response_format", ALL, id="unknown response format"),
    pytest.param({"output_format": "gif"}, "output_format", ALL, id="unknown output format"),
    pytest.param({"output_compression": "101"}, "output_compression", ALL, id="compression above 100"),
    pytest.param({"output_compression": "50"}, "output_compression", ALL, id="png compressed"),
    pytest.param({"quality": MARK}, "quality", (EDITS, VARIATIONS), id="unknown quality"),
    pytest.param({"strength": "2"}, "strength", (EDITS, VARIATIONS), id="strength above 1"),
    pytest.param({"strength": "nan"}, "strength", (EDITS, VARIATIONS, UPSCALE), id="strength that is no number"),
    pytest.param({"seed": "-1"}, "seed", (EDITS, VARIATIONS, UPSCALE), id="seed below 0"),
    pytest.param({"seed": str(2**63)}, "seed", (EDITS, VARIATIONS, UPSCALE), id="seed of 2**63"),
    pytest.param({"steps": "1000000"}, "steps", (EDITS, VARIATIONS), id="endless steps"),
    pytest.param({"steps": "1.5"}, "steps", (EDITS, VARIATIONS), id="one and a half steps"),
    pytest.param({"sampler": MARK}, "sampler", (EDITS, VARIATIONS), id="unknown sampler"),
    pytest.param({"loras": MARK}, "loras", (EDITS, VARIATIONS), id="LoRAs that are text"),
    pytest.param({"loras[name]": MARK}, "loras", (EDITS, VARIATIONS), id="LoRAs that are an object"),
    pytest.param({"stream": MARK}, "stream", (EDITS, VARIATIONS), id="stream in words"),
    pytest.param({"partial_images": "4"}, "partial_images", (EDITS, VARIATIONS), id="four previews"),
    pytest.param({"prompt": MARK * 1000}, "prompt", (EDITS, VARIATIONS, UPSCALE), id="a long prompt"),
    pytest.param({"prompt": f"{MARK}\x00"}, "prompt", (EDITS, VARIATIONS, UPSCALE), id="NUL in the prompt"),
    pytest.param({"input_fidelity": MARK}, "input_fidelity", (EDITS,), id="unknown fidelity"),
    pytest.param({"fill": MARK}, "fill", (EDITS,), id="unknown fill"),
    pytest.param({"mask": MARK}, "mask", (EDITS,), id="a mask that is text"),
    pytest.param({"image_prompts[][model]": MARK}, "image_prompts", (EDITS,), id="an image prompt without images"),
    pytest.param({"scale": "0"}, "scale", (UPSCALE,), id="scale of 0"),
    pytest.param({"scale": "17"}, "scale", (UPSCALE,), id="scale of 17"),
    pytest.param({"scale": "2", "size": "128x128"}, "scale", (UPSCALE,), id="scale and size"),
    pytest.param({"mode": MARK}, "mode", (UPSCALE,), id="unknown mode"),
    pytest.param({"steps": "4"}, "steps", (UPSCALE,), id="steps where nothing is drawn"),
    pytest.param({"denoise": "2"}, "denoise", (UPSCALE,), id="denoise above 1"),
    pytest.param({"method": MARK}, "method", (REMOVE,), id="unknown method"),
    pytest.param({"output": MARK}, "output", (REMOVE,), id="unknown output"),
    pytest.param({"background": MARK}, "background", (REMOVE,), id="unknown colour"),
    pytest.param({"threshold": "2"}, "threshold", (REMOVE,), id="threshold above 1"),
    pytest.param({"feather": "1000"}, "feather", (REMOVE,), id="feather of 1,000"),
    pytest.param({"output_format": "jpeg"}, "output_format", (REMOVE,), id="jpeg that is transparent"),
]


def is_refused_politely(answer: httpx.Response, param: str | None, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"]) == ("invalid_request_error", param), error
    assert error["message"].endswith(".")
    assert MARK not in answer.text


@pytest.mark.parametrize(("fields", "param", "addresses"), BAD_FIELDS)
def test_a_bad_field_of_a_form_is_blamed(
    shared: Served, fields: dict[str, str], param: str, addresses: tuple[str, ...]
) -> None:
    for address in addresses:
        usual = {"prompt": MARK} if address == EDITS else {}
        is_refused_politely(shared.client.post(address, data=usual | fields, files={"image": WHITE}), param)


@pytest.mark.parametrize("address", ALL)
@pytest.mark.parametrize(
    ("files", "param"),
    [
        pytest.param({"other": WHITE}, "image", id="no image"),
        pytest.param({"image": MARK.encode()}, "image", id="an image that is text"),
        pytest.param({"image": WHITE[:60]}, "image", id="half an image"),
        pytest.param({"image": plain(size=(4, 4))}, "image", id="an image of 4 pixels"),
    ],
)
def test_a_bad_image_is_blamed(shared: Served, address: str, files: dict[str, bytes], param: str) -> None:
    is_refused_politely(shared.client.post(address, data={"prompt": MARK}, files=files), param)


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(plain("black"), id="nothing transparent"),
        pytest.param(mask_with_hole((32, 32), (0, 0, 8, 8)), id="of another size"),
        pytest.param(MARK.encode(), id="no picture"),
    ],
)
def test_a_bad_mask_is_blamed(shared: Served, mask: bytes) -> None:
    answer = shared.client.post(EDITS, data={"prompt": MARK}, files={"image": WHITE, "mask": mask})
    is_refused_politely(answer, "mask")


def test_too_many_images_are_blamed(shared: Served) -> None:
    files = [("image[]", WHITE)] * 17
    is_refused_politely(shared.client.post(EDITS, data={"prompt": MARK}, files=files), "image")


@pytest.mark.parametrize("address", ALL)
def test_what_is_no_form_gets_a_sentence(shared: Served, address: str) -> None:
    is_refused_politely(shared.client.post(address, json={"prompt": MARK, "image": MARK}), None)
    form = {"content-type": "multipart/form-data; boundary=x"}
    is_refused_politely(shared.client.post(address, content=MARK.encode(), headers=form), None)


@pytest.mark.parametrize("address", ALL)
def test_a_model_that_is_not_there_is_not_found(shared: Served, address: str) -> None:
    answer = shared.client.post(address, data={"prompt": "a star", "model": MARK}, files={"image": WHITE})
    is_refused_politely(answer, "model", 404)
    assert answer.json()["error"]["code"] == "model_not_found"
