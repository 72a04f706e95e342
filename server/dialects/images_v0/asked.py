"""What is asked for: a body in JSON, or a form with the files that a preset requires."""

from typing import Annotated, Any, Literal, NamedTuple

import orjson
from fastapi import Request
from pydantic import Field
from starlette.datastructures import UploadFile

from pipelines.catalog import Resolution
from server.bodies.job import Picture
from server.dialects.images_v0.sizes import RATIOS
from server.encoding import in_base64
from server.errors import BodyInvalid
from server.http.body import Body, Name, Text, described, read_json
from server.http.forms import FORM, is_form, open_form

MOST_REFERENCES = 5
MOST_VARIABLES = 64
IN_JSON = frozenset({"variables", "sampleCount", "isPublic", "refImageBase64"})  # fields of a form that are no text
EXAMPLE = {"prompt": "a big yellow star on a black background", "aspectRatio": "16:9", "resolution": "standard"}
PRESET_EXAMPLE = {"presetId": "product_in_use", "variables": '{"product_name": "a running shoe"}'}


class Reference(Body):
    """`mimeType` is not looked at: the bytes say what they are."""

    mimeType: Annotated[str, Field(max_length=128)] = ""
    data: Annotated[Picture, Field(description="PNG, JPEG or WEBP in base64, or as a data URL.")]


Url = Annotated[Picture, Field(description="An http(s) address, which the server fetches itself, or a data URL.")]


class Generation(Body):
    """The body of POST /v0/images/generations. What is null is as if it were left out."""

    prompt: Text = Field(default_factory=str)  # described without a default: it is there, or a preset is
    negativePrompt: Text = ""
    presetId: Name | None = None
    variables: Annotated[dict[Name, str | int | float], Field(max_length=MOST_VARIABLES)] = Field(default_factory=dict)
    aspectRatio: Literal[RATIOS] | None = None  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    resolution: Resolution | None = None
    sampleCount: Annotated[int, Field(ge=1)] = 1
    modelVersion: Name | None = None
    isPublic: bool = False
    refImageBase64: Annotated[list[Reference], Field(max_length=MOST_REFERENCES)] = Field(default_factory=list)
    refImageUrls: Annotated[list[Url], Field(max_length=MOST_REFERENCES)] = Field(default_factory=list)


class Sent(NamedTuple):
    """value: the fields as JSON has them. files: name in the form, and content in base64, in the order they came."""

    value: dict[str, Any]
    files: list[tuple[str, str]]


async def read(request: Request, most_bytes: int) -> Sent:
    """What came, as a form where its type says so. most_bytes: of a field. Raises BodyInvalid and BodyTooLarge."""
    sent = await _read_form(request, most_bytes) if is_form(request) else Sent(await read_json(request), [])
    return Sent({name: value for name, value in sent.value.items() if value is not None}, sent.files)


def openapi() -> dict[str, Any]:
    """Both bodies; JSON has a prompt or a preset, and the file in the form is that of the preset in its example."""
    told = described(Generation, EXAMPLE)
    content = told["requestBody"]["content"]
    of_json = content["application/json"]
    of_json["schema"] = {"anyOf": [of_json["schema"] | {"required": [name]} for name in ("prompt", "presetId")]}
    text = {"type": "string"}
    fields = {
        "prompt": text,
        "presetId": text | {"example": PRESET_EXAMPLE["presetId"]},
        "variables": text | {"example": PRESET_EXAMPLE["variables"], "description": "A JSON object."},
        "product_photo": text | {"format": "binary", "description": "By the key of a requirement of the preset."},
    }
    schema = {"type": "object", "properties": fields, "required": ["presetId", "variables"]}
    content[FORM] = {"schema": schema, "example": PRESET_EXAMPLE}
    return told


async def _read_form(request: Request, most_bytes: int) -> Sent:
    value: dict[str, Any] = {}
    files = []
    async with open_form(request, most_bytes) as form:
        for name, item in form.multi_items():
            if isinstance(item, UploadFile):
                files.append((name, await in_base64(await item.read())))
            elif not item:
                continue  # a field that nobody filled in
            elif name == "refImageUrls":
                value.setdefault(name, []).append(item)
            else:
                value[name] = _parsed(name, item) if name in IN_JSON else item
    return Sent(value, files)


def _parsed(name: str, text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BodyInvalid(f"`{name}`: in a form it must be JSON.", field=name) from None
