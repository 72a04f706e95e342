"""The dialect of /api/v2: generations, processing, models, gallery, webhooks; docs/apis/imagegen_v2.md compares.

A generation is a job, its images are ours, and ids are the same under other prefixes (`spelled.py`).
"""

from fastapi import APIRouter

from server.dialects import Dialect
from server.dialects.imagegen_v2 import (
    events,
    gallery,
    generate,
    generations,
    integrations,
    models,
    process,
    user,
    webhooks,
)
from server.dialects.imagegen_v2.spelled import API, PREFIX
from server.dialects.imagegen_v2.wording import STATUSES, limits_headers, wording

router = APIRouter(tags=["imagegen v2"])
for part in (generate, process, generations, models, user, gallery, webhooks, integrations):
    router.include_router(part.router)

dialect = Dialect(
    name=API,
    prefix=PREFIX,
    router=router,
    wording=wording,
    limits_headers=limits_headers,
    form=events.form,
    statuses=STATUSES,
)
