"""What no database can be asked for is answered like any other id that nobody has, on both kinds of database."""

import asyncio
import re
from pathlib import Path

import httpx
from fastapi.routing import iter_route_contexts

from server.store.database import Database
from tests.server.serving import KEY, application, running
from tests.server.worker import StepWorker

STRANGE = "a%00b"  # PostgreSQL takes no NUL
PARAMETER = re.compile(r"{\w+(?::\w+)?}")


def test_a_strange_id_is_answered_by_every_address_that_takes_one(database: Database, tmp_path: Path) -> None:
    app = application(
        tmp_path, StepWorker(), database_url=database.url.render_as_string(hide_password=False), public_gallery=True
    )
    asked: dict[str, int] = {}

    async def ask_all(url: str) -> None:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}, trust_env=False, timeout=30) as client:
            for route in iter_route_contexts(app.routes):
                if "{" in (route.path or "") and "GET" in (route.methods or ()):
                    answer = await client.get(url + PARAMETER.sub(STRANGE, str(route.path)))
                    asked[str(route.path)] = answer.status_code

    with running(app) as url:
        asyncio.run(ask_all(url))
    assert len(asked) > 20
    assert {path: status for path, status in asked.items() if status >= 500} == {}
