"""What the tests of /api/v2 share: its addresses, the least that each takes, a worker that does everything."""

import base64
import io
from typing import Any

import httpx
from PIL import Image

from pipelines.engine.protocol import Cancelled, Failed, Finished, Listener
from pipelines.tasks import Drawing, Picture, Task
from server.dialects.imagegen_v2.wording import CODES
from tests.server.serving import KEY
from tests.server.worker import StepWorker

TEXT, IMAGE, INPAINT = (f"/api/v2/generate/{name}" for name in ("text-to-image", "image-to-image", "inpaint"))
FILTERS, CUTOUT, UPSCALE = (f"/api/v2/process/{name}" for name in ("filters", "remove-background", "upscale"))


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


class Worker(StepWorker):
    """Answers with a small picture whatever is not drawn."""

    def _drawn(self, job_id: str, task: Task, listener: Listener) -> Finished | Failed | Cancelled:
        if isinstance(task, Drawing):
            return super()._drawn(job_id, task, listener)
        return Finished(job_id, (Picture(8, 8, bytes(192), None, (8, 8), task.model),))


def client_at(url: str, key: str = KEY) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=30, trust_env=False)


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """The error of an answer, which has the form of the document."""
    error: dict[str, Any] = answer.json()["error"]
    assert error.keys() == {"type", "code", "message", "details", "request_id", "documentation_url"}
    assert error["details"].keys() >= {"field", "reason", "suggestion"}
    assert error["code"] in CODES
    assert error["request_id"] == answer.headers["x-request-id"]
    return error
