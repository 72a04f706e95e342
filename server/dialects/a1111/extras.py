"""`extra-single-image` and `extra-batch-images`: given pictures enlarged, and their faces restored."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog
from pipelines.engine.protocol import Terms
from pipelines.planning import crop, restore_faces, upscale
from pipelines.tasks import Raster, Task
from server import decode
from server.dialects.a1111.ignoring import ignored
from server.dialects.a1111.loose import LooseBody
from server.dialects.a1111.pictures import API, Picture, file_of, plain
from server.dialects.a1111.upscalers import NONE, upscaler_called
from server.http.auth import TheAccount
from server.http.body import Body, Name, check, described, read_json
from server.http.parts import Parts, TheParts
from server.http.waiting import draw
from server.images import Encoding
from server.jobs import Origin

MOST_PICTURES = 64
MOST_SIDE = 8192
# Fields of a second upscaler and of CodeFormer: taken, and named as ignored where they would do something.
UNUSED = ("codeformer_visibility", "extras_upscaler_2_visibility")

Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=1, le=MOST_SIDE)]
Step = Callable[[Raster], Task]


class Extras(LooseBody):
    """What both routes take."""

    resize_mode: Literal[0, 1] = 0
    show_extras_results: bool = True
    gfpgan_visibility: Share = 0.0
    codeformer_visibility: Share = 0.0
    codeformer_weight: Share = 0.0
    upscaling_resize: Annotated[float, Field(gt=0, le=16)] = 2.0
    upscaling_resize_w: Side = 512
    upscaling_resize_h: Side = 512
    upscaling_crop: bool = True
    upscaler_1: Name = NONE
    upscaler_2: Name = NONE
    extras_upscaler_2_visibility: Share = 0.0
    upscale_first: bool = False


class SingleImage(Extras):
    """The body of POST /sdapi/v1/extra-single-image."""

    image: Picture


class FileData(Body):
    data: Picture
    name: str = ""


class BatchImages(Extras):
    """The body of POST /sdapi/v1/extra-batch-images."""

    imageList: Annotated[list[FileData], Field(min_length=1, max_length=MOST_PICTURES)]


router = APIRouter(prefix="/sdapi/v1")
DATA = "data:image/png;base64,iVBORw0KGgo..."
WISH = {"upscaling_resize": 2, "upscaler_1": "R-ESRGAN 4x+"}


@router.post("/extra-single-image", openapi_extra=described(SingleImage, {"image": DATA} | WISH))
async def single(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Enlarge a picture by `upscaler_1`, and restore its faces where `gfpgan_visibility` says so."""
    value = await read_json(request)
    asked = check(SingleImage, value)
    image = await _worked_on(request, parts, account, asked, asked.image, "image")
    answer = {"html_info": "", "image": image if asked.show_extras_results else None}
    return JSONResponse(answer, headers=ignored(asked, value, *UNUSED))


@router.post(
    "/extra-batch-images", openapi_extra=described(BatchImages, {"imageList": [{"data": DATA, "name": "a"}]} | WISH)
)
async def batch(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """The same for several pictures, one after the other; each is a job of its own."""
    value = await read_json(request)
    asked = check(BatchImages, value)
    images = [await _worked_on(request, parts, account, asked, file.data, "imageList") for file in asked.imageList]
    answer = {"html_info": "", "images": images if asked.show_extras_results else []}
    return JSONResponse(answer, headers=ignored(asked, value, *UNUSED))


def steps(asked: Extras, catalog: Catalog) -> Iterator[Step]:
    """What is done one after the other, each with the picture that came of the one before; nothing, for no upscaler.

    Raises what planning raises, and BodyInvalid.
    """
    enlarging = () if asked.upscaler_1.lower() == NONE.lower() else tuple(_enlarging(asked, catalog))
    restoring: tuple[Step, ...] = ()
    if asked.gfpgan_visibility:
        restoring = (lambda image: restore_faces(catalog, image=image, strength=asked.gfpgan_visibility),)
    yield from (*enlarging, *restoring) if asked.upscale_first else (*restoring, *enlarging)


def _enlarging(asked: Extras, catalog: Catalog) -> Iterator[Step]:
    network = upscaler_called(catalog, asked.upscaler_1, "upscaler_1")
    by: dict[str, Any] = {"model": network.id, "mode": "conservative"} if network else {"mode": "fast"}

    def larger(image: Raster) -> Task:
        width, height = _size(asked, image)
        return upscale(catalog, image=image, width=width, height=height, **by)

    yield larger
    if asked.resize_mode == 1 and asked.upscaling_crop:
        width, height = asked.upscaling_resize_w, asked.upscaling_resize_h
        yield lambda image: crop(catalog, image=image, mode="center", width=width, height=height)


def _size(asked: Extras, image: Raster) -> tuple[int, int]:
    """In the picture's own aspect; for sides of another one, as large as it takes to cover them."""
    factor = asked.upscaling_resize
    if asked.resize_mode == 1:
        factor = max(asked.upscaling_resize_w / image.width, asked.upscaling_resize_h / image.height)
    return max(1, round(image.width * factor)), max(1, round(image.height * factor))


async def _worked_on(request: Request, parts: Parts, account: str, asked: Extras, given: str, field: str) -> str:
    """The picture that all steps have made, in base64."""
    file, todo = given, list(steps(asked, parts.catalog))
    for step in todo:
        picture = await decode.picture_with_alpha(file, field)
        images = await draw(request, parts, step(picture), Encoding(), Terms(account), origin=Origin(API))
        file = await plain(images[0], parts)
    return file if todo else await file_of(await decode.picture_with_alpha(given, field))
