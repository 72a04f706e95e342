"""`/rembg`, of the extension stable-diffusion-webui-rembg: what stands out in a picture, cut out, or its mask."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog
from pipelines.engine.protocol import Terms
from pipelines.planning import remove_background
from pipelines.tasks import Edge, Raster, RemoveBackground
from server import decode
from server.dialects.a1111.ignoring import ignored
from server.dialects.a1111.loose import LooseBody
from server.dialects.a1111.pictures import API, Picture, plain
from server.http.auth import TheAccount
from server.http.body import check, described, read_json
from server.http.parts import TheParts
from server.http.waiting import draw
from server.images import Encoding
from server.jobs import Origin

NO_MODEL = ("", "None")
Level = Annotated[int, Field(ge=0, le=255)]
# What only rembg's own way of matting has; with alpha_matting ours follows the picture's colours instead.
UNUSED = (
    "alpha_matting_foreground_threshold", "alpha_matting_background_threshold", "alpha_matting_erode_size",
)  # fmt: skip


class Rembg(LooseBody):
    """The body of POST /rembg."""

    input_image: Picture
    model: Annotated[str, Field(max_length=128)] = "u2net"
    return_mask: bool = False
    alpha_matting: bool = False
    alpha_matting_foreground_threshold: Level = 240
    alpha_matting_background_threshold: Level = 10
    alpha_matting_erode_size: Annotated[int, Field(ge=0)] = 10


router = APIRouter()
EXAMPLE = {"input_image": "data:image/png;base64,iVBORw0KGgo...", "model": "u2net", "return_mask": False}


@router.post("/rembg", openapi_extra=described(Rembg, EXAMPLE))
async def rembg(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Cut out what stands out, as a PNG with transparency, or tell where it lies.

    The network is the one that is installed, by whatever name of rembg's it is asked for; without a model nothing is
    done. `alpha_matting` lets the mask follow the picture's colours, for hair and fur.
    """
    value = await read_json(request)
    asked = check(Rembg, value)
    if asked.model in NO_MODEL:
        return JSONResponse(None)
    task = to_task(asked, await decode.picture_with_alpha(asked.input_image, "input_image"), parts.catalog)
    (image,) = await draw(request, parts, task, Encoding(), Terms(account), origin=Origin(API))
    return JSONResponse({"image": await plain(image, parts)}, headers=ignored(asked, value, *UNUSED))


def to_task(asked: Rembg, picture: Raster, catalog: Catalog) -> RemoveBackground:
    """Raises what planning raises."""
    output = "mask" if asked.return_mask else "cutout"
    return remove_background(
        catalog,
        image=picture,
        model=_network(asked.model, catalog),
        output=output,
        edge=Edge(follow=asked.alpha_matting),
    )


def _network(name: str, catalog: Catalog) -> str | None:
    """An id; None, whichever is installed, for a name of rembg's that stands for none in particular."""
    is_any = name in catalog.aliases and not catalog.aliases[name]
    return None if is_any else catalog.meant(name, "remove_background").model.id
