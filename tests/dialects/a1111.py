"""What the tests of the dialect of AUTOMATIC1111's web UI share."""

import base64
import io
import json
from typing import Any

import httpx
import webuiapi
from PIL import Image

from pipelines.tasks import Task
from tests.server.serving import KEY, Served

TXT2IMG, IMG2IMG = "/sdapi/v1/txt2img", "/sdapi/v1/img2img"
STAR = {"prompt": "a red star", "width": 64, "height": 64, "steps": 4, "seed": 7}


def encoded(side: int = 64, colour: str = "red", format_: str = "PNG") -> str:
    file = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(file, format_)
    return base64.b64encode(file.getvalue()).decode()


def opened(picture: str) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(picture)))
    image.load()
    return image


def asked(served: Served, path: str = TXT2IMG, **fields: Any) -> httpx.Response:
    own = {"init_images": [encoded()]} if path == IMG2IMG else {}
    return served.client.post(path, json=STAR | own | fields)


def answered(served: Served, path: str = TXT2IMG, **fields: Any) -> dict[str, Any]:
    answer = asked(served, path, **fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def info_of(answer: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(answer["info"]))


def tasks_of(served: Served, path: str = TXT2IMG, **fields: Any) -> list[Task]:
    """What became of a request: the tasks that the worker was given."""
    before = len(served.worker.tasks)
    answered(served, path, **fields)
    return served.worker.tasks[before:]


def unit(**fields: Any) -> dict[str, Any]:
    """As webuiapi sends it."""
    return {"image": encoded(), "mask": None, "module": "none", "model": "lines [1234abcd]", "low_vram": False} | fields


def controlled(*units: dict[str, Any]) -> dict[str, Any]:
    return {"alwayson_scripts": {"ControlNet": {"args": list(units)}}}


def web_ui(url: str) -> webuiapi.WebUIApi:
    """The client of that name, with the key as its password."""
    return webuiapi.WebUIApi(baseurl=f"{url}/sdapi/v1", username="anybody", password=KEY, sampler="Euler", steps=8)
