"""OpenAI's image API (`POST /v1/images/generations`, `GET /v1/models`) as its Python client of 2026 speaks it.

Beyond the vendor's fields it takes seed, steps, guidance_scale, negative_prompt and sampler (its `extra_body`).
"""

import asyncio
import base64
import re
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field, field_validator
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog, Model
from pipelines.engine.protocol import Terms
from pipelines.errors import DarkroomError, ModelUnknown
from pipelines.planning import text_to_image
from pipelines.tasks import TextToImage
from server.dialects import Dialect
from server.errors import NotOffered, status_of
from server.http.auth import TheAccount
from server.http.body import Body, Name, Prompt, Seed, Text, check, described, ignored_fields, read_json
from server.http.frame import address_of
from server.http.parts import Parts, TheParts
from server.http.waiting import draw
from server.images import QUALITY, Encoding, Image
from server.jobs import Origin
from server.routes.files import OPEN_LINKS

SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
OWNER = "darkroom"
# What a quality does to the model's own number of steps.
STEPS_BY_QUALITY = {"auto": 1.0, "standard": 1.0, "medium": 1.0, "low": 0.5, "high": 1.5, "hd": 1.5}
PARAM_OF_FIELD = {"width": "size", "height": "size", "count": "n"}
CODE_OF = {
    "key_missing": "invalid_api_key",
    "key_wrong": "invalid_api_key",
    "model_unknown": "model_not_found",
    "queue_full": "rate_limit_exceeded",
}

EXAMPLE_ANSWER = {
    "created": 1735689600,
    "data": [{"url": "http://127.0.0.1:8080/files/k3l...png", "seed": 7}],
    "background": "opaque",
    "output_format": "png",
    "quality": "auto",
    "size": "128x128",
}

router = APIRouter(prefix="/v1", tags=["OpenAI"])


class Generation(Body):
    """`style`, `moderation` and `user` are taken and change nothing."""

    prompt: Prompt
    model: Name | None = None
    n: Annotated[int | None, Field(ge=1, le=10)] = None
    size: str | None = None
    response_format: Literal["url", "b64_json"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Annotated[int | None, Field(ge=0, le=100)] = None
    quality: Literal["auto", "standard", "low", "medium", "high", "hd"] | None = None
    background: Literal["auto", "opaque", "transparent"] | None = None
    style: str | None = None
    moderation: str | None = None
    user: str | None = None
    stream: bool | None = None
    seed: Seed | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    negative_prompt: Text | None = None
    sampler: Name | None = None

    @field_validator("size")
    @classmethod
    def _is_size(cls, size: str | None) -> str | None:
        if size not in (None, "auto") and not SIZE.fullmatch(size):
            raise ValueError("it must be auto, or a width and a height in pixels such as 1024x1024")
        return size


@router.post(
    "/images/generations",
    openapi_extra=described(Generation, {"prompt": "a red star", "n": 1, "size": "auto", "response_format": "url"}),
    responses={200: {"content": {"application/json": {"example": EXAMPLE_ANSWER}}}},
)
async def generate(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Draw pictures of a prompt.

    `size` is the model's own where it is absent or auto. `quality` sets the steps where `steps` does not: low is half
    the model's own number, high and hd one and a half times, all others the number itself. `output_compression` is
    the quality of jpeg and webp, 100 the best. `url` results need no key and end with the image.
    """
    value = await read_json(request)
    asked = check(Generation, value)
    _refuse_what_is_not_here(asked)
    task = to_task(asked, parts.catalog)
    images = await draw(request, parts, task, encoding_of(asked), Terms(account), origin=Origin("openai"))
    data = [await _entry(image, asked, request, parts) for image in images]
    headers = ignored_fields(Generation, value) | {
        "x-darkroom-model": task.model,
        "x-darkroom-rendered-size": "{}x{}".format(*images[0].rendered),
    }
    return JSONResponse(to_response(asked, task, data), headers=headers)


@router.get("/models")
async def models(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """The models that are installed and draw from text."""
    return {"object": "list", "data": [_model(model) for model in _offered(parts.catalog)]}


@router.get("/models/{model_id}")
async def model(model_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """One of them."""
    for model in _offered(parts.catalog):
        if model.id == model_id:
            return _model(model)
    raise ModelUnknown("No model of this name is installed: GET /v1/models lists those that are.", field="model")


def to_task(asked: Generation, catalog: Catalog) -> TextToImage:
    """The task of a request; raises what planning raises."""
    width, height = _sides(asked.size)
    return text_to_image(
        catalog,
        model=asked.model,
        prompt=asked.prompt,
        negative_prompt=asked.negative_prompt or "",
        width=width,
        height=height,
        steps=asked.steps if asked.steps is not None else _steps(asked, catalog),
        guidance_scale=asked.guidance_scale,
        sampler=asked.sampler,
        seed=asked.seed,
        count=asked.n or 1,
    )


def encoding_of(asked: Generation) -> Encoding:
    """The vendor's default, png, cannot be compressed with loss, and says so."""
    format_ = asked.output_format or "png"
    if format_ == "png" and asked.output_compression not in (None, 100):
        raise NotOffered("png keeps every bit: ask for jpeg or webp to compress.", field="output_compression")
    return Encoding(format_, QUALITY if asked.output_compression is None else max(1, asked.output_compression))


def to_response(asked: Generation, task: TextToImage, data: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "created": int(time.time()),
        "data": data,
        "background": "opaque",
        "output_format": asked.output_format or "png",
        "quality": asked.quality or "auto",
        "size": f"{task.width}x{task.height}",
    }


def wording(error: DarkroomError, request_id: str) -> dict[str, Any]:
    """The vendor's error body; its clients find the request id in the header."""
    status = status_of(error)
    kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    param = PARAM_OF_FIELD.get(error.field, error.field) if error.field else None
    code = CODE_OF.get(error.code, error.code)
    return {"error": {"message": error.sentence, "type": kind, "param": param, "code": code}}


dialect = Dialect(name="openai", prefix="/v1", router=router, wording=wording)


def _refuse_what_is_not_here(asked: Generation) -> None:
    if asked.background == "transparent":
        raise NotOffered("Transparent backgrounds are not available yet: ask for opaque or auto.", field="background")
    if asked.stream:
        raise NotOffered("Streaming is not available yet: leave `stream` out.", field="stream")


def _sides(size: str | None) -> tuple[int | None, int | None]:
    match = SIZE.fullmatch(size or "")
    return (int(match[1]), int(match[2])) if match else (None, None)


def _steps(asked: Generation, catalog: Catalog) -> int | None:
    """The steps that a quality stands for, at most what the model allows; None leaves it to the model."""
    factor = STEPS_BY_QUALITY[asked.quality or "auto"]
    model = catalog.default() if asked.model is None else catalog.get(asked.model)
    if factor == 1 or model.defaults is None:
        return None
    return min(max(1, round(model.defaults.steps * factor)), model.limits.max_steps)


async def _entry(image: Image, asked: Generation, request: Request, parts: Parts) -> dict[str, Any]:
    if asked.response_format == "b64_json":
        content = await parts.images.read(image)
        return {"b64_json": await asyncio.to_thread(_base64, content), "seed": image.seed}
    link = await parts.images.publish(image)
    return {"url": f"{address_of(request)}{OPEN_LINKS}/{link}", "seed": image.seed}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _offered(catalog: Catalog) -> list[Model]:
    return [model for model in catalog.models if "text_to_image" in model.tasks and catalog.is_installed(model)]


def _model(model: Model) -> dict[str, Any]:
    return {"id": model.id, "object": "model", "created": 0, "owned_by": OWNER}
