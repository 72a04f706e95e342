"""txt2img: pictures of a prompt, also in two passes, the web UI's hires fix."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog
from pipelines.planning import text_to_image
from pipelines.tasks import Control, TextToImage
from server.dialects.a1111.answering import answered
from server.dialects.a1111.asking import Txt2Img, read
from server.dialects.a1111.control import controls_of
from server.dialects.a1111.drawing import Plan, planned, restoring
from server.dialects.a1111.hires import hires
from server.errors import NotOffered
from server.http.auth import TheAccount
from server.http.body import described
from server.http.parts import TheParts

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
    if asked.enable_hr:
        plan.said.update(hires(asked, plan, parts))
    plan.said.update(restoring(asked, plan, parts.catalog), seamless=asked.tiling)
    tasks = to_tasks(asked, plan, parts.catalog, following.controls)
    return await answered(request, parts, account, asked, plan, tasks, following.maps)


def to_tasks(asked: Txt2Img, plan: Plan, catalog: Catalog, controls: tuple[Control, ...] = ()) -> list[TextToImage]:
    """One for each batch; with a subseed strength one for each picture. Raises what planning raises."""
    said = plan.said | {"controls": controls}
    size = 1 if asked.subseed_strength else asked.batch_size
    batches = range(0, asked.n_iter * asked.batch_size, size)
    return [text_to_image(catalog, **said, **plan.seeds(asked, first), count=size) for first in batches]
