"""The dialect of AUTOMATIC1111's web UI (`/sdapi/v1/*`, version 1.10) and of the extensions that clients expect of it.

docs/apis/a1111.md compares it with the original. Each module has a `router` with whole addresses.
"""

from fastapi import APIRouter

from server.dialects import Dialect
from server.dialects.a1111 import (
    choices,
    controlnet,
    extras,
    img2img,
    interrogate,
    machine,
    models,
    options,
    pnginfo,
    progress,
    rembg,
    txt2img,
)
from server.dialects.a1111.wording import STATUSES, wording

router = APIRouter(tags=["AUTOMATIC1111"])
for module in (
    txt2img, img2img, extras, pnginfo, interrogate, progress, options, models, choices, machine, controlnet, rembg,
):  # fmt: skip
    router.include_router(module.router)

dialect = Dialect(
    name="a1111",
    prefix="/sdapi",
    router=router,
    wording=wording,
    statuses=STATUSES,
    others=("/internal", "/queue", "/controlnet", "/rembg"),
)
