"""The routes of the ControlNet extension: what a unit may name, and what a module makes of a picture."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog
from pipelines.engine.protocol import Terms
from pipelines.planning import annotate, first_installed
from pipelines.tasks import MOST_CONTROLS, Raster
from server import decode
from server.dialects.a1111.annotators import MODULES, title_of
from server.dialects.a1111.control import annotator_of
from server.dialects.a1111.ignoring import ignored
from server.dialects.a1111.loose import LooseBody
from server.dialects.a1111.models import offered
from server.dialects.a1111.pictures import API, Picture, file_of, plain
from server.errors import BodyInvalid
from server.http.auth import TheAccount, TheCaller
from server.http.body import Name, check, described, read_json
from server.http.parts import Parts, TheParts
from server.http.waiting import draw
from server.images import Encoding
from server.jobs import Origin
from server.keys import Caller

VERSION = 3  # of the extension's API
MOST_PICTURES = 16
NO_MODEL = "None"

Pictures = Annotated[list[Picture], Field(max_length=MOST_PICTURES)]


class Detection(LooseBody):
    """The body of POST /controlnet/detect. `controlnet_images` is what one client calls the pictures."""

    controlnet_module: Name = "none"
    controlnet_input_images: Pictures = Field(default_factory=list)
    controlnet_images: Pictures = Field(default_factory=list)
    controlnet_processor_res: float = -1
    controlnet_threshold_a: float = -1
    controlnet_threshold_b: float = -1
    controlnet_masks: Pictures = Field(default_factory=list)
    low_vram: bool = False


router = APIRouter(prefix="/controlnet")
EXAMPLE = {"controlnet_module": "canny", "controlnet_input_images": ["iVBORw0KGgo..."]}
# Our annotators work at the picture's own size, with their own measures, and on the whole of it.
UNUSED = ("controlnet_processor_res", "controlnet_threshold_a", "controlnet_threshold_b", "controlnet_masks")


@router.get("/version")
async def version(account: TheAccount) -> dict[str, int]:
    """Of the extension's API."""
    return {"version": VERSION}


@router.get("/model_list")
async def model_list(parts: TheParts, account: TheAccount, caller: TheCaller) -> dict[str, list[str]]:
    """ControlNets that are installed. `update` changes nothing: the list is always as it is."""
    return {"model_list": _models(parts.catalog, caller)}


@router.get("/module_list")
async def module_list(parts: TheParts, account: TheAccount, alias_names: bool = False) -> dict[str, Any]:
    """Modules whose models are installed; none of them has anything to be set."""
    names = _modules(parts.catalog, by_label=alias_names)
    return {"module_list": names, "module_detail": {name: {"model_free": False, "sliders": []} for name in names}}


@router.get("/control_types")
async def control_types(parts: TheParts, account: TheAccount, caller: TheCaller) -> dict[str, Any]:
    """Which modules and models go together; a type without a model of its own is offered all the same."""
    models = _models(parts.catalog, caller)
    modules = _modules(parts.catalog, by_label=True)
    types = {"All": _type(modules, [NO_MODEL, *models])}
    for name in sorted({name for module in MODULES.values() for name in module.types}):
        of_type = [module.label for module in MODULES.values() if name in module.types and module.label in modules]
        types[name] = _type(["none", *of_type], [NO_MODEL, *(model for model in models if name.lower() in model)])
    return {"control_types": types}


@router.get("/settings")
async def settings(account: TheAccount) -> dict[str, int]:
    """How many units a request may have."""
    return {"control_net_unit_count": MOST_CONTROLS}


@router.post("/detect", openapi_extra=described(Detection, EXAMPLE))
async def detect(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """What a module makes of each picture, at its own size."""
    value = await read_json(request)
    asked = check(Detection, value)
    annotator = annotator_of(asked.controlnet_module)
    given = asked.controlnet_input_images or asked.controlnet_images
    if not given:
        raise BodyInvalid("No image selected", field="controlnet_input_images")
    pictures = [await decode.picture(each, "controlnet_input_images") for each in given]
    images = [await _made(request, parts, account, picture, annotator) for picture in pictures]
    return JSONResponse({"info": "Success", "images": images}, headers=ignored(asked, value, *UNUSED))


async def _made(request: Request, parts: Parts, account: str, picture: Raster, annotator: str) -> str:
    if annotator == "none":
        return await file_of(picture)
    task = annotate(parts.catalog, image=picture, annotator=annotator)
    images = await draw(request, parts, task, Encoding(), Terms(account), origin=Origin(API))
    return await plain(images[0], parts)


def _models(catalog: Catalog, caller: Caller) -> list[str]:
    return [title_of(model) for model in offered(catalog, caller, "controlnet")]


def _modules(catalog: Catalog, *, by_label: bool) -> list[str]:
    """Those that can work: depth takes a model."""
    has_depth = first_installed(catalog, "depth") is not None
    able = {name: module for name, module in MODULES.items() if has_depth or annotator_of(name) != "depth"}
    return [module.label if by_label else name for name, module in able.items()]


def _type(modules: list[str], models: list[str]) -> dict[str, Any]:
    """The first of its own is what it begins with, where it has one."""
    return {
        "module_list": modules,
        "model_list": models,
        "default_option": modules[min(1, len(modules) - 1)],
        "default_model": models[min(1, len(models) - 1)],
    }
