"""Programs that people put in front of an image server, request by request, each with the headers that it sends.

Those of sequences/*.json, to a server with keys and to one without; some can send no key. The answers are judged by
what the program reads of them.
"""

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.engine.inline import InlineWorker
from tests.dialects.cases import Case, run
from tests.over_http import client_of
from tests.server.serving import KEY
from tests.shapes import Artist

pytestmark = pytest.mark.draws

FOLDER = Path(__file__).with_name("sequences")
PROGRAMS = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}
KNOWN = {"key": KEY, "basic": base64.b64encode(f"anybody:{KEY}".encode()).decode()}
PATIENCE_SECONDS = 120
HOUSES = ("with_keys", "without_keys")


@pytest.fixture(scope="module")
def addresses(
    clients: dict[str, httpx.Client], artist: Artist, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, httpx.URL]]:
    """Of a server that asks for keys, and of one that asks for none."""
    data, worker = tmp_path_factory.mktemp("open"), InlineWorker(artist.catalog, "cpu")
    with client_of(data, artist.catalog, worker, auth=False) as client:
        yield {"with_keys": clients[""].base_url, "without_keys": client.base_url}


def headers_of(told: dict[str, Any], house: str) -> dict[str, str]:
    """Those that the program sends, and none of ours."""
    return {name: value.format_map(KNOWN) for name, value in (told["headers"] | told[house]).items()}


@pytest.mark.parametrize(
    ("name", "house"), [(name, house) for name, told in PROGRAMS.items() for house in HOUSES if house in told]
)
def test_a_program_s_requests_are_answered_as_it_needs(name: str, house: str, addresses: dict[str, httpx.URL]) -> None:
    told = PROGRAMS[name]
    headers = headers_of(told, house)
    with httpx.Client(base_url=addresses[house], headers=headers, timeout=240, trust_env=False) as client:
        run(Case(name, told["promise"], told["steps"]), {"": client}, dict(KNOWN))


@pytest.mark.parametrize("house", HOUSES)
def test_a_browser_that_is_closed_ends_what_sillytavern_asked_for(house: str, addresses: dict[str, httpx.URL]) -> None:
    """It asks for an interrupt and lets go of the request in the same moment."""
    told = PROGRAMS["sillytavern"]
    body = {"prompt": "a star", "steps": 100, "batch_size": 4, "width": 256, "height": 256}

    async def close_the_browser() -> None:
        headers = headers_of(told, house)
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            httpx.AsyncClient(base_url=addresses[house], headers=headers, timeout=240, trust_env=False) as client,
        ):
            drawing = asyncio.create_task(client.post("/sdapi/v1/txt2img", json=body))
            while (await progress(client))["progress"] == 0:
                assert not drawing.done()
            interrupting = asyncio.create_task(client.post("/sdapi/v1/interrupt"))
            await asyncio.sleep(0)
            drawing.cancel()
            assert (await interrupting).status_code == 200
            while (state := await progress(client))["progress"] or state["state"]["job_count"]:
                pass  # the next look is a request: it gives way

    asyncio.run(close_the_browser())


async def progress(client: httpx.AsyncClient) -> Any:
    return (await client.get("/sdapi/v1/progress")).json()
