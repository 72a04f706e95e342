"""The dialect of /api/image-studio: pictures made, edited, enlarged, steered and cut to size in one answer each.

docs/apis/image_studio.md compares it with its document.
"""

from fastapi import APIRouter

from server.dialects import Dialect
from server.dialects.image_studio import control, costs, create, edit, health, providers, social, templates, upscale
from server.dialects.image_studio.wording import PREFIX, STATUSES, wording

router = APIRouter(tags=["Image Studio"])
for module in (create, templates, providers, costs, edit, upscale, control, social, health):
    router.include_router(module.router)

dialect = Dialect(name="image_studio", prefix=PREFIX, router=router, wording=wording, statuses=STATUSES)
