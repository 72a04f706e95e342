"""Hugging Face's inference form (huggingface_hub's InferenceClient): POST /hf/{model} with inputs and parameters, and
the picture itself as the answer. Documentation: inference-providers, tasks text-to-image and image-to-image.

docs/apis/huggingface.md compares it with theirs.
"""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import Field

from pipelines.catalog import Catalog, Meant
from pipelines.engine.protocol import Terms
from pipelines.errors import DarkroomError
from pipelines.planning import edit, first_installed, text_to_image
from pipelines.tasks import Raster, Task
from server import decode
from server.dialects import Dialect
from server.encoding import in_base64
from server.errors import BodyInvalid
from server.http.auth import TheAccount
from server.http.body import (
    LONGEST_PROMPT,
    Body,
    Name,
    Seed,
    Text,
    check,
    described,
    ignored_fields,
    read_json,
)
from server.http.parts import TheParts
from server.http.waiting import draw
from server.images import Encoding
from server.jobs import Origin
from server.routes.jobs import PICTURE_TYPES

API = "huggingface"
FILES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF")  # how those of PNG, JPEG and WEBP begin: no JSON does
# How they begin in base64, or a data URL does: no prompt does.
PICTURE = re.compile(r"data:image/|iVBORw0KGgo|/9j/|UklGR")
WORDS_OR_PICTURE: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "string", "format": "picture", "contentEncoding": "base64"}]
}


class Sides(Body):
    width: int
    height: int


class Parameters(Body):
    """target_size wins over width and height. prompt and strength are of image-to-image."""

    prompt: Text | None = None
    negative_prompt: Text | None = None
    width: int | None = None
    height: int | None = None
    target_size: Sides | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    scheduler: Name | None = None
    seed: Seed | None = None
    strength: Annotated[float, Field(ge=0, le=1)] | None = None


class Inference(Body):
    """inputs: the prompt, or the picture that is to be changed as parameters.prompt says."""

    inputs: Annotated[str, Field(min_length=1, json_schema_extra=WORDS_OR_PICTURE)]
    parameters: Parameters | None = None


router = APIRouter(prefix="/hf", tags=["Hugging Face"])
EXAMPLE = {"inputs": "a red star", "parameters": {"num_inference_steps": 8, "seed": 7}}


@router.post(
    "/{model_id:path}",
    response_class=Response,
    openapi_extra=described(Inference, EXAMPLE),
    responses={200: {"content": {media_type: {} for media_type in PICTURE_TYPES}}},
)
async def infer(
    model_id: str, request: Request, parts: TheParts, account: TheAccount, accept: Annotated[str, Header()] = ""
) -> Response:
    """Draw the prompt in `inputs`; or change the picture in it, in base64, as `parameters.prompt` says.

    A body that is a picture itself is changed without words. `Accept` says image/png, image/jpeg or image/webp.
    """
    value = await _read(request)
    asked = check(Inference, value)
    task, meant = await planned(asked, model_id, parts.catalog)
    encoding = PICTURE_TYPES.get(accept.strip().lower(), Encoding())
    image = (await draw(request, parts, task, encoding, Terms(account), origin=Origin(API)))[0]
    told = {"x-darkroom-model": image.model, "x-darkroom-seed": image.seed, "x-darkroom-warning": meant.warning}
    headers = ignored_fields(Inference, value) | {name: str(each) for name, each in told.items() if each is not None}
    return Response(await parts.images.read(image), media_type=encoding.media_type, headers=headers)


async def planned(asked: Inference, name: str, catalog: Catalog) -> tuple[Task, Meant]:
    """Raises ImageInvalid and what planning raises."""
    if PICTURE.match(asked.inputs):
        return changing(asked, await decode.picture(asked.inputs, "inputs"), name, catalog)
    if not asked.inputs.strip() or "\0" in asked.inputs or len(asked.inputs) > LONGEST_PROMPT:
        told = f"`inputs`: it must be a prompt of 1 to {LONGEST_PROMPT} characters, or a picture in base64."
        raise BodyInvalid(told, field="inputs")
    meant = _meant(name, "text_to_image", catalog)
    return text_to_image(catalog, prompt=asked.inputs, **_said(asked, meant)), meant


def changing(asked: Inference, image: Raster, name: str, catalog: Catalog) -> tuple[Task, Meant]:
    """By a model for instructions where the name stands for one, else drawn over."""
    meant = _meant(name, "edit" if first_installed(catalog, "sdxl-edit") else "image_to_image", catalog)
    own = asked.parameters or Parameters()
    said = _said(asked, meant) | {"prompt": own.prompt or "", "strength": own.strength}
    return edit(catalog, image=image, **said), meant


def wording(error: DarkroomError, request_id: str) -> dict[str, Any]:
    return {"error": error.sentence}


dialect = Dialect(name=API, prefix="/hf", router=router, wording=wording)


async def _read(request: Request) -> dict[str, Any]:
    """Their client sends a picture without parameters as it is, and does not always say that it is one."""
    body = await request.body()
    if not body.startswith(FILES):
        return await read_json(request)
    return {"inputs": await in_base64(body)}


def _meant(name: str, task: str, catalog: Catalog) -> Meant:
    """By our own name, an alias, or the name that the model has at the hub."""
    at_hub = (model.id for model in catalog.models if model.source and model.source.hub == name)
    return catalog.meant(next(at_hub, name), task)


def _said(asked: Inference, meant: Meant) -> dict[str, Any]:
    own = asked.parameters or Parameters()
    sides = own.target_size or own
    return {
        "model": meant.model.id,
        "negative_prompt": own.negative_prompt,
        "width": sides.width,
        "height": sides.height,
        "steps": own.num_inference_steps,
        "guidance_scale": own.guidance_scale,
        "sampler": own.scheduler,
        "seed": own.seed,
    }
