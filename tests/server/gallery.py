"""What tests of the gallery share: pictures to upload, and images that are drawn over HTTP."""

import base64
import io
from typing import Any

from PIL import Image

from tests.server.serving import Served

API = "/darkroom/v1"
IMAGES = f"{API}/images"


def picture(colour: str = "teal", side: int = 64) -> str:
    """A PNG of one colour in base64."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def upload(served: Served, **said: Any) -> dict[str, Any]:
    answer = served.client.post(IMAGES, json={"image": picture()} | said)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def drawn(served: Served, prompt: str = "a red star", **said: Any) -> dict[str, Any]:
    """The image of a job that has ended."""
    body = {"task": "text_to_image", "prompt": prompt, "seed": 3} | said
    answer = served.client.post(f"{API}/jobs", json=body, headers={"Prefer": "wait=30"})
    assert answer.json()["state"] == "succeeded", answer.text
    return dict(answer.json()["images"][0])


def ids(answer: Any) -> list[str]:
    """Of the images of a list."""
    assert answer.status_code == 200, answer.text
    return [image["id"] for image in answer.json()["images"]]
