"""What a document of an API promises, read out of its Markdown: addresses, rows of tables, keys of JSON examples.

The facts alone are kept, in facts/<dialect>.json, because the documents are not ours to copy. Where they lie in a
folder, `python -m tests.dialects.documents FOLDER` writes the facts anew.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.dialects.patterns import keys

FACTS = Path(__file__).with_name("facts")
DOCUMENTS = {
    "generations_v1": "generations-v1.md",
    "image_studio": "image-studio.md",
    "imagegen_v2": "imagegen-v2.md",
    "images_v0": "images-v0.md",
}
ADDRESS = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/:{}.-]*[\w}])")
CURL = re.compile(
    r"(?:-X (GET|POST|PUT|PATCH|DELETE) )?\"?(?:https?://[\w.:-]+|\$BASE)(/(?:api|v0)/[\w/-]*\w)\"? (?:\\|-H)"
)
HEADER = re.compile(r"^(?:- `)?(X-[A-Za-z-]+|Content-Disposition|Retry-After)`?:", re.MULTILINE)
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\|(.+)\|\s*$", re.MULTILINE)


def facts_of(text: str) -> dict[str, list[str]]:
    """addresses, headers; rows: `HEAD OF THE FIRST COLUMN: name`; keys: of the JSON examples, with dots."""
    return {
        "addresses": _sorted(
            f"{method or 'GET'} {path}" for method, path in [*ADDRESS.findall(text), *CURL.findall(text)]
        ),
        "headers": _sorted(HEADER.findall(text)),
        "rows": _sorted(_rows(text)),
        "keys": _sorted(key for example in _examples(text) for key in keys(example)),
    }


def facts(dialect: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads((FACTS / f"{dialect}.json").read_text(encoding="utf-8"))
    return found


def _rows(text: str) -> Iterator[str]:
    head = ""
    for line in text.splitlines():
        match = ROW.match(line)
        if match is None:
            head = ""
            continue
        cells = [cell.strip() for cell in match[1].split("|")]
        if not head:
            head = cells[0]
        elif not set(cells[0]) <= set("-: "):
            names = re.findall(r"`([^`]+)`", cells[0]) or [cells[0]]
            code = re.findall(r"`([A-Z_]{4,})`", " ".join(cells[1:2]))
            yield from (f"{head}: {name}" for name in names)
            yield from (f"Code: {name}" for name in code)


def _examples(text: str) -> Iterator[Any]:
    for language, content in FENCE.findall(text):
        if language in ("json", ""):
            for piece in re.split(r"^//.*$", content, flags=re.MULTILINE):
                try:
                    yield json.loads(re.sub(r": \.\.\.", ": null", piece))
                except ValueError:
                    continue


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(set(names))


if __name__ == "__main__":
    FACTS.mkdir(exist_ok=True)
    for dialect, name in DOCUMENTS.items():
        found = facts_of((Path(sys.argv[1]) / name).read_text(encoding="utf-8"))
        (FACTS / f"{dialect}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
