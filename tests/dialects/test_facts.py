"""No word of the documents goes untouched: every address, row, header and key of an example has a case."""

import json
import re

import pytest

from server.dialects import all_dialects
from tests.dialects.cases import cases_of
from tests.dialects.documents import DOCUMENTS, FACTS, facts, facts_of
from tests.dialects.patterns import filled, keys, words

EXAMPLE = """
### Make
#### POST /api/v9/things/{id}
| Field | Type |
|---|---|
| `size` | `'low' | 'high'` |

```json
{"size": "low", "parts": [{"id": 1}]}
```
- `X-Left`: how many
| HTTP Status | Code |
|---|---|
| 400 | `SIZE_WRONG` |
"""
SERVED = [dialect.name for dialect in all_dialects() if dialect.name in DOCUMENTS]


def test_facts_are_read_out_of_markdown() -> None:
    assert facts_of(EXAMPLE) == {
        "addresses": ["POST /api/v9/things/{id}"],
        "headers": ["X-Left"],
        "rows": ["Code: SIZE_WRONG", "Field: size", "HTTP Status: 400"],
        "keys": ["parts", "parts.id", "size"],
    }


@pytest.mark.parametrize("dialect", SERVED)
def test_every_fact_of_the_document_has_a_case(dialect: str) -> None:
    steps = [step for case in cases_of(dialect) for step in case.steps]
    asked = [step["request"] for step in steps]
    names = {name for step in steps for name in _names(step)}
    values = {word for step in steps for word in words(step)} | {str(step.get("status", 200)) for step in steps}
    values |= {str(value) for step in steps for value in step.get("headers", {}).values()}
    told = facts(dialect)
    untold = json.loads((FACTS / f"{dialect}.untold.json").read_text(encoding="utf-8"))
    left = [address for address in told["addresses"] if not any(_is(address, request) for request in asked)]
    left += [header for header in told["headers"] if header.lower() not in {name.lower() for name in names}]
    left += [key for key in told["keys"] if not _has(names, key)]
    for row in told["rows"]:
        _, _, what = row.partition(": ")
        if not _has(names, what) and what not in values and what.split()[0] not in values:
            left.append(row)
    assert sorted(set(left)) == sorted(untold), "untold: facts without a case, each with its reason"
    assert all(len(reason) > 20 for reason in untold.values())


def _names(step: dict[str, object]) -> set[str]:
    request = step["request"]
    assert isinstance(request, dict)
    parts = [request.get(part, {}) for part in ("json", "form", "files", "query", "headers")]
    return {name for part in [*parts, step.get("body", {}), step.get("headers", {})] for name in keys(part)}


def _has(names: set[str], wanted: str) -> bool:
    """Under any parent: the documents show some objects whole and some by themselves."""
    return any(name == wanted or name.endswith(f".{wanted}") for name in names)


def _is(address: str, request: dict[str, str]) -> bool:
    method, _, path = address.partition(" ")
    shape = re.sub(r":\w+|\\\{\w+\\\}|(?<=/)(gen|img)_\w+", "[^/]+", re.escape(path).replace("/", "/"))
    path_asked = str(filled(request["path"], {})).split("?")[0]
    return method == request.get("method", "POST") and re.fullmatch(shape, path_asked) is not None
