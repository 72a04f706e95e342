"""OpenAI's image API under /v1 as its Python client of 2026 speaks it, and enlarging and cutting out in its manner.

docs/apis/openai.md compares it with the vendor's.
"""

from fastapi import APIRouter

from server.dialects import Dialect
from server.dialects.openai import edits, generations, models, processing
from server.dialects.openai.wording import STATUSES, limits_headers, wording

router = APIRouter(tags=["OpenAI"])
for module in (generations, edits, processing, models):
    router.include_router(module.router)

dialect = Dialect(
    name="openai", prefix="/v1", router=router, wording=wording, limits_headers=limits_headers, statuses=STATUSES
)
