"""One seed, prompt, sampler and number of steps are one picture, to the pixel, whichever API asks for it.

Also what is left unsaid is the same everywhere: the model's own size and guidance. By the real shapes model.
"""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from PIL import Image

pytestmark = pytest.mark.draws

PROMPT = "a big yellow star on a black background"


@dataclass(frozen=True)
class Wish:
    """In no vendor's words. sampler: of openai and imagegen_v2. web_ui: the web UI's fields for the same sampler."""

    sampler: str
    web_ui: dict[str, str]
    steps: int = 12
    seed: int = 3
    count: int = 1
    size: tuple[int, int] | None = None
    guidance: float | None = None
    negative: str = ""


EULER = {"sampler_name": "Euler"}
WISHES = [
    pytest.param(Wish("euler", EULER), id="four words said"),
    pytest.param(Wish("Euler", EULER | {"scheduler": "automatic"}, size=(160, 96), guidance=4.0), id="all said"),
    pytest.param(Wish("EulerAncestralDiscreteScheduler", {"sampler_name": "Euler a"}), id="ancestral"),
    pytest.param(Wish("dpmpp_2m_karras", {"sampler_name": "DPM++ 2M", "scheduler": "Karras"}), id="Karras"),
    pytest.param(Wish("euler", EULER, count=3, negative="a red circle"), id="several, without a red circle"),
    pytest.param(Wish("euler", EULER, size=(512, 384)), id="larger than the model draws"),
]


def by_openai(wish: Wish, client: httpx.Client) -> list[str]:
    said = {
        "prompt": PROMPT, "negative_prompt": wish.negative, "seed": wish.seed, "steps": wish.steps, "n": wish.count,
        "sampler": wish.sampler, "guidance_scale": wish.guidance, "response_format": "b64_json",
        "size": "{}x{}".format(*wish.size) if wish.size else None,
    }  # fmt: skip
    return [each["b64_json"] for each in answer(client, "/v1/images/generations", said)["data"]]


def by_automatic1111(wish: Wish, client: httpx.Client) -> list[str]:
    said = {
        "prompt": PROMPT, "negative_prompt": wish.negative, "seed": wish.seed, "steps": wish.steps,
        "batch_size": wish.count, "cfg_scale": wish.guidance,
    }  # fmt: skip
    images = answer(client, "/sdapi/v1/txt2img", said | wish.web_ui | sides(wish))["images"]
    return [str(each) for each in images]


def by_imagegen_v2(wish: Wish, client: httpx.Client) -> list[str]:
    parameters = {"seed": wish.seed, "num_inference_steps": wish.steps, "num_outputs": wish.count}
    said = {
        "prompt": PROMPT, "negative_prompt": wish.negative, "output": {"return_type": "base64"},
        "parameters": parameters | {"sampler": wish.sampler, "guidance_scale": wish.guidance} | sides(wish),
    }  # fmt: skip
    found = answer(client, "/api/v2/generate/text-to-image", said)
    return [each["base64"] for each in found["images"]]


APIS: list[Callable[[Wish, httpx.Client], list[str]]] = [by_openai, by_automatic1111, by_imagegen_v2]


@pytest.mark.parametrize("wish", WISHES)
def test_one_seed_is_one_picture_by_every_api(wish: Wish, clients: dict[str, httpx.Client]) -> None:
    ours, *others = [[pixels(each) for each in ask(wish, clients[""])] for ask in APIS]
    assert len(ours) == len(set(ours)) == wish.count, "each picture has a seed of its own"
    assert others == [ours, ours]


def sides(wish: Wish) -> dict[str, int]:
    return dict(zip(("width", "height"), wish.size, strict=True)) if wish.size else {}


def answer(client: httpx.Client, path: str, said: dict[str, Any]) -> Any:
    """What is None is left out."""
    asked = {name: value for name, value in said.items() if value is not None}
    if "parameters" in asked:
        asked["parameters"] = {name: value for name, value in asked["parameters"].items() if value is not None}
    found = client.post(path, json=asked)
    assert found.status_code == 200, found.text[:800]
    return found.json()


def pixels(encoded: str) -> tuple[tuple[int, int], bytes]:
    """Size and bytes of the pixels, whatever else the file tells."""
    picture = Image.open(io.BytesIO(base64.b64decode(encoded.partition("base64,")[2] or encoded)))
    return picture.size, picture.convert("RGB").tobytes()
