"""docs/jobs.md: every example in it is a job that the server takes, and every filter is in its table."""

import base64
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from pipelines.catalog import Catalog
from pipelines.filters.table import FILTERS
from server.bodies.kinds import KINDS, asked_for
from tests.server.serving import NOWHERE, every_kind_catalog

TEXT = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def encoded(mode: str) -> str:
    file = io.BytesIO()
    Image.new(mode, (64, 64), "white").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return every_kind_catalog(tmp_path)


@pytest.mark.anyio
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["task"])
async def test_every_example_is_taken(example: dict[str, object], catalog: Catalog) -> None:
    pictures = {"$PICTURE": encoded("RGB"), "$MASK": encoded("L")}
    body = {name: pictures.get(str(value), value) for name, value in example.items()}
    asked = await asked_for(catalog, body, NOWHERE)
    assert asked.headers == {}, "no field is ignored"


def test_every_kind_of_job_has_an_example() -> None:
    assert {example["task"] for example in EXAMPLES} == set(KINDS)


def test_every_filter_is_in_the_table() -> None:
    table = TEXT.split("| filter | parameters |")[1].split("\n\n")[0]
    rows = {row.split("`")[1]: row for row in table.splitlines() if row.startswith("| `")}
    assert set(rows) == set(FILTERS)
    for name, row in rows.items():
        assert all(f"`{parameter}`" in row for parameter in FILTERS[name].parameters), name
