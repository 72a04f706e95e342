"""Control Studio: pictures drawn after another one: its lines, its structure, its style, or all but its style."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog, Model
from pipelines.errors import ModelNotInstalled
from pipelines.planning import following, ip_adapter_for, style_transfer, text_to_image
from pipelines.sizes import shaped
from pipelines.tasks import ImagePrompt, Raster, Task
from server import decode
from server.bodies.job import Share
from server.dialects.image_studio.answering import answered, naming, read, require, unused
from server.dialects.image_studio.create import Ratio, aspect_of
from server.dialects.image_studio.pictures import OutputFormat, Picture, drawn, dressed, encoding_of, told
from server.dialects.image_studio.providers import OURS
from server.dialects.image_studio.wording import PREFIX, in_body
from server.http.auth import TheAccount
from server.http.body import Body, Name, Prompt, Seed, Text, described
from server.http.parts import TheParts

# What an annotator makes of the picture for a ControlNet; the first for which one is installed.
ANNOTATORS = {"sketch": ("scribble", "lineart", "canny"), "structure": ("canny", "depth")}
PIXEL = Raster(1, 1, bytes(3))


@dataclass(frozen=True, slots=True)
class Operation:
    """What the API lists of an operation. strengths: which it has a use for, and what they are unless said.

    also: the other fields that only some operations have a use for.
    """

    label: str
    description: str
    strengths: Mapping[str, float]
    also: tuple[str, ...] = ()


OPERATIONS = {
    "sketch": Operation("Sketch to Image", "Draw what the lines of a sketch outline", {"control_strength": 1.0}),
    "structure": Operation(
        "Structure Control", "Keep the structure of a picture, and draw something else", {"control_strength": 1.0}
    ),
    "style": Operation(
        "Style Control", "Draw anything in the style of a picture", {"fidelity": 0.5}, ("aspect_ratio",)
    ),
    "style_transfer": Operation(
        "Style Transfer",
        "Give a picture the style of another one",
        {"style_strength": 1.0, "composition_fidelity": 0.9, "change_strength": 0.9},
        ("style_image_base64",),
    ),
}
ALWAYS_USED = frozenset("control_image_base64 operation prompt negative_prompt style_preset seed output_format".split())
LISTED = (
    "prompt negative_prompt control_image_base64 style_image_base64 control_strength fidelity style_strength "
    "composition_fidelity change_strength aspect_ratio"
).split()


class Steering(Body):
    """The body of POST /api/image-studio/control/process."""

    control_image_base64: Picture
    operation: Literal[tuple(OPERATIONS)]  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    prompt: Prompt
    style_image_base64: Picture | None = None
    negative_prompt: Text | None = None
    control_strength: Share | None = None
    fidelity: Share | None = None
    style_strength: Share | None = None
    composition_fidelity: Share | None = None
    change_strength: Share | None = None
    aspect_ratio: Ratio | None = None
    style_preset: Name | None = None
    seed: Seed | None = None
    output_format: OutputFormat = "png"


router = APIRouter(prefix=PREFIX)
EXAMPLE = {
    "control_image_base64": "data:image/png;base64,iVBORw0KGgo...",
    "operation": "sketch",
    "prompt": "a red star on a white background",
    "control_strength": 0.8,
}


@router.post("/control/process", openapi_extra=described(Steering, EXAMPLE))
async def process(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Draw after a picture. A strength that the operation has no use for is named in a header."""
    asked, value = await read(request, Steering)
    operation = OPERATIONS[asked.operation]
    model, strengths = parts.catalog.default(), _strengths(asked, operation)
    with in_body():
        limit = model.limits.max_prompt_chars
        words = dressed(parts, asked.prompt, asked.negative_prompt or "", asked.style_preset, limit)
        said = {"prompt": words.prompt, "negative_prompt": words.negative_prompt, "seed": asked.seed}
        task = to_task(asked, await _pictures(asked), strengths, said, model, parts.catalog)
    image = await drawn(request, parts, account, task, encoding_of(asked.output_format))
    headers = naming(told(Steering, value), unused(asked, {*ALWAYS_USED, *operation.strengths, *operation.also}))
    answer = {"operation": asked.operation, "provider": OURS}
    return await answered(image, parts, answer, {"operation": asked.operation} | strengths, headers)


@router.get("/control/operations")
async def operations(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Every operation, whether the models for it are installed, and which fields it has a use for."""
    return {"operations": {name: _listed(name, parts.catalog) for name in OPERATIONS}}


def to_task(
    asked: Steering,
    pictures: list[Raster],
    strengths: Mapping[str, Any],
    said: Mapping[str, Any],
    model: Model,
    catalog: Catalog,
) -> Task:
    """pictures: the one to be followed, and that of a style. said: the words and the seed. Raises what planning raises.

    What follows a picture has its shape, what is only drawn in its style has the shape that is asked for.
    """
    drawing = dict(said) | {"model": model.id}
    first = pictures[0]
    if asked.operation == "style_transfer":
        return style_transfer(catalog, image=first, style_image=pictures[1], **strengths, **drawing)
    if asked.operation == "style":
        if asked.aspect_ratio is not None:
            drawing["width"], drawing["height"] = shaped(aspect_of(asked.aspect_ratio), model)
        like = ImagePrompt(ip_adapter_for(catalog, model).id, (first,), strengths["fidelity"])
        return text_to_image(catalog, image_prompts=(like,), **drawing)
    control = following(catalog, model, first, ANNOTATORS[asked.operation], strengths["control_strength"])
    width, height = shaped(first.width / first.height, model)
    return text_to_image(catalog, controls=(control,), width=width, height=height, **drawing)


async def _pictures(asked: Steering) -> list[Raster]:
    """Those that the operation has a use for. Raises BodyInvalid and ImageInvalid."""
    fields = ["control_image_base64"]
    if asked.operation == "style_transfer":
        require(asked, "style transfer", "style_image_base64")
        fields.append("style_image_base64")
    return [await decode.picture(getattr(asked, field), field) for field in fields]


def _strengths(asked: Steering, operation: Operation) -> dict[str, float]:
    """Those that the operation has a use for, and their usual values where they are not said."""
    said = {name: getattr(asked, name) for name in operation.strengths}
    return {name: usual if said[name] is None else said[name] for name, usual in operation.strengths.items()}


def _listed(name: str, catalog: Catalog) -> dict[str, Any]:
    operation, able = OPERATIONS[name], _is_possible(name, catalog)
    takes = {*ALWAYS_USED, *operation.strengths, *operation.also}
    return {
        "label": operation.label,
        "description": operation.description,
        "provider": OURS if able else None,
        "available": able,
        "fields": {field.removesuffix("_base64"): field in takes for field in LISTED},
    }


def _is_possible(name: str, catalog: Catalog) -> bool:
    try:
        if name in ANNOTATORS:
            following(catalog, catalog.default(), PIXEL, ANNOTATORS[name], 1.0)
        else:
            ip_adapter_for(catalog, catalog.default())
    except ModelNotInstalled:
        return False
    return True
