"""img2img: pictures drawn over others, wholly, where a mask is white, by an instruction, or larger in tiles."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from pipelines import planning
from pipelines.catalog import Catalog
from pipelines.tasks import Raster, Task
from server import decode
from server.dialects.a1111.answering import answered
from server.dialects.a1111.asking import Img2Img, read
from server.dialects.a1111.control import controls_of
from server.dialects.a1111.drawing import Plan, planned, restoring
from server.dialects.a1111.scripts import script_of, sd_upscale
from server.errors import BodyInvalid
from server.http.auth import TheAccount
from server.http.body import described
from server.http.parts import TheParts

FITS = ("stretch", "crop", "pad", "stretch")  # by resize_mode; the last enlarges latents in the web UI
FILLS = ("blur", "original", "noise", "nothing")  # by inpainting_fill
EXAMPLE = {
    "prompt": "a big blue star on a white background",
    "init_images": ["data:image/png;base64,iVBORw0KGgo..."],
    "denoising_strength": 0.75,
}

router = APIRouter()


@router.post("/sdapi/v1/img2img", openapi_extra=described(Img2Img, EXAMPLE))
async def img2img(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Draw over a picture, or, with a mask, over what is white in it; otherwise as txt2img.

    Several `init_images` are drawn over in turn.
    """
    asked, value = await read(request, Img2Img)
    script = script_of(asked.script_name)
    plan = await planned(asked, value, parts, account, "inpaint" if asked.mask and not script else "image_to_image")
    images = [await decode.picture(each, "init_images") for each in asked.init_images]
    following = await controls_of(asked.alwayson_scripts, parts.catalog, images[0])
    if script or asked.mask or "edit" in plan.model.tasks:
        plan.ignored.extend(["restore_faces"] * asked.restore_faces + ["tiling"] * asked.tiling)
    else:
        plan.said.update(restoring(asked, plan, parts.catalog), seamless=asked.tiling)
    if script:
        plan.ignored.extend(["mask"] * bool(asked.mask) + ["alwayson_scripts"] * bool(following.controls))
        return await answered(request, parts, account, asked, plan, _enlarged(asked, plan, parts.catalog, images))
    plan.said["controls"] = following.controls
    mask = await _mask(asked, images)
    tasks = to_tasks(asked, plan, parts.catalog, images, mask)
    return await answered(request, parts, account, asked, plan, tasks, following.maps)


def to_tasks(asked: Img2Img, plan: Plan, catalog: Catalog, images: list[Raster], mask: Raster | None) -> list[Task]:
    """One for each batch; for each picture where several are drawn over, or with a subseed."""
    total = asked.n_iter * (asked.batch_size if len(images) == 1 else len(images))
    size = 1 if asked.subseed_strength or len(images) > 1 else asked.batch_size
    return [
        _task(asked, plan, catalog, images[first % len(images)], mask, plan.seeds(asked, first) | {"count": size})
        for first in range(0, total, size)
    ]


def _task(
    asked: Img2Img, plan: Plan, catalog: Catalog, image: Raster, mask: Raster | None, seeds: dict[str, Any]
) -> Task:
    said = plan.said | seeds | {"image": image}
    if mask is not None:
        return planning.inpaint(catalog, **said, **_repainting(asked, plan), mask=mask)
    if "edit" in plan.model.tasks:
        return planning.edit(catalog, **said, fit=FITS[asked.resize_mode], image_guidance_scale=asked.image_cfg_scale)
    return planning.image_to_image(catalog, **said, fit=FITS[asked.resize_mode], strength=plan.strength(asked))


def _repainting(asked: Img2Img, plan: Plan) -> dict[str, Any]:
    blur = asked.mask_blur if asked.mask_blur is not None else max(asked.mask_blur_x, asked.mask_blur_y)
    return {
        "strength": plan.strength(asked),
        "mask_blur": blur,
        "fill": FILLS[asked.inpainting_fill],
        "only_masked": asked.inpaint_full_res,
        "padding": asked.inpaint_full_res_padding,
    }


async def _mask(asked: Img2Img, images: list[Raster]) -> Raster | None:
    """Of the pictures' size, as the web UI makes it."""
    if asked.mask is None:
        return None
    sides = {(image.width, image.height) for image in images}
    if len(sides) > 1:
        raise BodyInvalid("`init_images`: with a mask they must all have one size.", field="init_images")
    return await decode.mask(asked.mask, "mask", invert=bool(asked.inpainting_mask_invert), size=sides.pop())


def _enlarged(asked: Img2Img, plan: Plan, catalog: Catalog, images: list[Raster]) -> list[Task]:
    """One for each `n_iter` of each picture; the size comes of the picture and the script's factor."""
    said = {name: value for name, value in plan.said.items() if name not in ("width", "height")}
    return [
        sd_upscale(
            catalog,
            images[index % len(images)],
            asked.script_args,
            said | plan.seeds(asked, index),
            plan.strength(asked),
        )
        for index in range(asked.n_iter * len(images))
    ]
