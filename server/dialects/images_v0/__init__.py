"""The dialect of /v0: pictures of a prompt or a preset, waited for or polled, and a library of them.

docs/apis/images_v0.md compares it with its document, row by row. A team is an account.
"""

from fastapi import APIRouter

from server.dialects import Dialect
from server.dialects.images_v0 import generations, library
from server.dialects.images_v0.told import API, PREFIX, wording

router = APIRouter(tags=["images v0"])
router.include_router(generations.router)
router.include_router(library.router)

dialect = Dialect(name=API, prefix=PREFIX, router=router, wording=wording)
