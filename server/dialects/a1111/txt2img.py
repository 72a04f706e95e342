"""txt2img: pictures of a prompt, also in two passes, the web UI's hires fix."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog
from pipelines.planning import text_to_image
from pipelines.tasks import Control, FirstPass, TextToImage
from server.dialects.a1111.answering import answered
from server.dialects.a1111.asking import Txt2Img, read
from server.dialects.a1111.control import controls_of
from server.dialects.a1111.drawing import Plan, planned
from server.errors import NotOffered
from server.http.auth import TheAccount
from server.http.body import described
from server.http.parts import TheParts

HIRES_IGNORED = (
    "hr_upscaler",
    "hr_checkpoint_name",
    "hr_sampler_name",
    "hr_scheduler",
    "hr_prompt",
    "hr_negative_prompt",
)
EXAMPLE = {
    "prompt": "a big red star on a white background",
    "steps": 20,
    "sampler_name": "Euler",
    "width": 128,
    "height": 128,
    "batch_size": 1,
    "seed": 7,
}

router = APIRouter()


@router.post("/sdapi/v1/txt2img", openapi_extra=described(Txt2Img, EXAMPLE))
async def txt2img(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Draw `n_iter` times `batch_size` pictures, and wait for them; picture i has the seed + i."""
    asked, value = await read(request, Txt2Img)
    if asked.script_name not in (None, "", "None"):
        raise NotOffered("txt2img has no scripts here: leave `script_name` out.", field="script_name")
    plan = await planned(asked, value, parts, account, "text_to_image")
    following = await controls_of(asked.alwayson_scripts, parts.catalog)
    tasks = to_tasks(asked, plan, parts.catalog, following.controls)
    if asked.enable_hr:
        plan.ignored.extend(name for name in HIRES_IGNORED if getattr(asked, name))
    return await answered(request, parts, account, asked, plan, tasks, following.maps)


def to_tasks(asked: Txt2Img, plan: Plan, catalog: Catalog, controls: tuple[Control, ...] = ()) -> list[TextToImage]:
    """One for each batch; with a subseed strength one for each picture. Raises what planning raises."""
    said = plan.said | {"controls": controls} | (hires(asked, plan) if asked.enable_hr else {})
    size = 1 if asked.subseed_strength else asked.batch_size
    batches = range(0, asked.n_iter * asked.batch_size, size)
    return [text_to_image(catalog, **said, **plan.seeds(asked, first), count=size) for first in batches]


def hires(asked: Txt2Img, plan: Plan) -> dict[str, Any]:
    """What the planning is told of a drawing in two passes; steps 0 of the second are those of the first."""
    steps = asked.hr_second_pass_steps or plan.steps
    width, height = asked.firstphase_width, asked.firstphase_height
    if not (width and height):
        width, height = plan.size
    across, down = enlarged(asked, width, height)
    return {
        "width": across,
        "height": down,
        "steps": steps,
        "first_pass": FirstPass(width, height, plan.steps, plan.strength(asked, steps)),
    }


def enlarged(asked: Txt2Img, width: int, height: int) -> tuple[int, int]:
    """The size after the second pass: by one side, by both, or by the scale."""
    if asked.firstphase_width and asked.firstphase_height and asked.width and asked.height:
        return asked.width, asked.height
    across, down = asked.hr_resize_x, asked.hr_resize_y
    if not across and not down:
        return int(width * asked.hr_scale), int(height * asked.hr_scale)
    return across or width * down // max(1, height), down or height * across // max(1, width)
