"""What OpenAI's client gets is what it asked for, by the real shapes model: where, in which colour, on what ground."""

from collections.abc import Iterator

import httpx
import numpy as np
import openai
import pytest
from huggingface_hub import InferenceClient
from PIL import Image

from tests.dialects.pictures import mask_with_hole, opened, scene
from tests.judge import look
from tests.server.serving import KEY

pytestmark = pytest.mark.draws

PROMPT = "a big yellow star on a black background"
SETTINGS = {"seed": 3, "steps": 12}


@pytest.fixture
def client(clients: dict[str, httpx.Client]) -> Iterator[openai.OpenAI]:
    address = f"{str(clients[''].base_url).rstrip('/')}/v1"
    with openai.OpenAI(base_url=address, api_key=KEY, max_retries=0, timeout=240) as client:
        yield client


def only(answer: openai.types.ImagesResponse) -> Image.Image:
    (item,) = answer.data or []
    return opened(item.b64_json or "")


def test_a_prompt_is_drawn_and_streamed_alike(client: openai.OpenAI) -> None:
    asked = {"prompt": PROMPT, "model": "gpt-image-1", "size": "128x128"}
    whole = only(client.images.generate(**asked, extra_body=SETTINGS))  # type: ignore[call-overload]
    seen = look(whole.convert("RGB"))
    assert (seen.background, seen.colour) == ("black", "yellow")
    *previews, last = client.images.generate(**asked, stream=True, partial_images=2, extra_body=SETTINGS)  # type: ignore[call-overload]
    assert opened(last.b64_json).tobytes() == whole.tobytes(), "one seed, one picture"
    assert [opened(event.b64_json).size for event in previews] == [(128, 128)] * len(previews)


def test_a_transparent_picture_has_nothing_behind_its_thing(client: openai.OpenAI) -> None:
    answer = client.images.generate(
        prompt=PROMPT, background="transparent", size="128x128", response_format="b64_json", extra_body=SETTINGS
    )
    picture = only(answer)
    assert (picture.mode, answer.background) == ("RGBA", "transparent")
    alpha = np.asarray(picture.getchannel("A"))
    assert max(alpha[0, 0], alpha[-1, -1]) < 10
    red, green, blue, opaque = np.asarray(picture)[64, 64]
    assert opaque > 200
    assert min(red, green) > blue, "yellow"


def test_a_mask_is_drawn_anew_where_it_is_transparent_and_nowhere_else(client: openai.OpenAI) -> None:
    before = scene("red", "circle", "white")
    answer = client.images.edit(
        image=("a.png", before),
        mask=("m.png", mask_with_hole((128, 128), (16, 16, 111, 111))),
        prompt="a big blue circle on a white background",
        response_format="b64_json",
        extra_body=SETTINGS | {"mask_blur": 0},
    )
    after = only(answer).convert("RGB")
    assert look(after).colour == "blue"
    kept = [np.asarray(picture.convert("RGB"))[:14] for picture in (opened(before), after)]
    assert np.array_equal(*kept)


def test_an_edit_and_a_variation_are_of_the_picture(client: openai.OpenAI) -> None:
    before = ("a.png", scene("red", "circle", "white"))
    edited = client.images.edit(
        image=before,
        prompt="a big blue circle on a white background",
        response_format="b64_json",
        extra_body=SETTINGS | {"strength": 0.9},
    )
    seen = look(only(edited).convert("RGB"))
    assert (seen.colour, seen.background) == ("blue", "white")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        varied = client.images.create_variation(
            image=before, response_format="b64_json", extra_body=SETTINGS | {"strength": 0.3}
        )
    seen = look(only(varied).convert("RGB"))
    assert (seen.colour, seen.background) == ("red", "white")


def test_a_picture_is_enlarged_and_cut_out(clients: dict[str, httpx.Client]) -> None:
    files = {"image": ("a.png", scene("red", "circle", "white"))}
    asked = {"response_format": "b64_json"}
    enlarged = clients[""].post("/v1/images/upscale", data=asked | {"scale": "2"}, files=files).raise_for_status()
    picture = opened(enlarged.json()["data"][0]["b64_json"])
    seen = look(picture.convert("RGB"))
    assert (picture.size, seen.colour, seen.background) == ((256, 256), "red", "white")
    cut = clients[""].post("/v1/images/remove-background", data=asked, files=files).raise_for_status()
    alpha = np.asarray(opened(cut.json()["data"][0]["b64_json"]).getchannel("A"))
    assert alpha[0, 0] < 10
    assert alpha[64, 64] > 200


def test_one_seed_is_one_picture_by_hugging_face_s_form_too(
    client: openai.OpenAI, clients: dict[str, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    address = f"{str(clients[''].base_url).rstrip('/')}/hf/shapes-xl"
    theirs = InferenceClient(address, token=KEY, provider="hf-inference", timeout=240).text_to_image(
        PROMPT, seed=3, num_inference_steps=12
    )
    ours = only(client.images.generate(prompt=PROMPT, response_format="b64_json", extra_body=SETTINGS))
    assert theirs.convert("RGB").tobytes() == ours.convert("RGB").tobytes()
