"""Runs the cases of cases/<dialect>/*.json: requests over real HTTP to the real shapes models, and what comes back.

A case: {"promise": a sentence, "steps": [step, ...]}. A step:
- "request": "method", "path", "headers", "query", "json" or "form", "parts" and "files" or "content", "key": "other"
  for another account's, "none" for none; "parts" are texts of a form that say of what type they are
- "status", "headers", "body": a pattern
- "parsed": patterns of what stands as JSON in strings of the answer, by their names
- "until": a pattern that the answer reaches in the end; `status` and `body` are then of that answer
- "pictures": [{"at": where in the answer, as `data.0.url`, or "" where the answer is the picture; "size": [width,
  height]; "format"; "transparent_corner"; "shows": what the judge must see, such as {"colour": "red"}; "as": the name
  to keep it under; "same_as": the name of a picture that was kept, and is the same but for a level of 255}]

In a request {"$draw": {"background", "colour", "shape", "size", "place", "width", "height"}, "as": "data_url", "base64"
or "file"} is a drawn picture; "$mask" in its place is white where its thing lies; "$outline" black lines on white.
"""

import base64
import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np
from PIL import Image, ImageFilter

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, Thing
from tests.dialects.patterns import Kept, filled, mismatches
from tests.judge import Sight, look, silhouette

FOLDER = Path(__file__).with_name("cases")
PATIENCE_SECONDS = 240
DRAWN = ("$draw", "$mask", "$outline")
LARGEST, SIDE = 256, 128  # pixels: what is larger than the first was drawn small, and is judged at the second


@dataclass(frozen=True)
class Case:
    """name: the file's, for the test's name."""

    name: str
    promise: str
    steps: list[dict[str, Any]]


def cases_of(dialect: str) -> list[Case]:
    return [
        Case(path.stem, content["promise"], content["steps"])
        for path in sorted((FOLDER / dialect).glob("*.json"))
        for content in [json.loads(path.read_text(encoding="utf-8"))]
    ]


def run(case: Case, clients: dict[str, httpx.Client], known: Kept | None = None) -> None:
    """clients: by the `key` of a request: "" is the usual one, "other" of another account, "none" without a key.

    known: what requests may name from the start, beside the server's address as `base`.
    """
    kept: Kept = {"base": str(clients[""].base_url).rstrip("/")} | (known or {})
    for number, step in enumerate(case.steps):
        answer = _asked_until(step, clients, kept) if "until" in step else _asked(step["request"], clients, kept)
        wrong = list(_wrong(step, answer, clients[""], kept))
        assert not wrong, f"{case.promise} (step {number}): {'; '.join(wrong)}; the answer: {answer.text[:800]}"


def _asked(request: dict[str, Any], clients: dict[str, httpx.Client], kept: Kept) -> httpx.Response:
    given = filled(_with_pictures({name: value for name, value in request.items() if name != "files"}), kept)
    parts = [(name, (None, text, "text/plain; charset=utf-8")) for name, text in given.get("parts", {}).items()]
    files = [(name, _file(picture)) for name, picture in request.get("files", {}).items()]
    return clients[given.get("key", "")].request(
        given.get("method", "POST"),
        given["path"],
        headers=given.get("headers"),
        params=given.get("query"),
        json=given.get("json"),
        data=given.get("form"),
        content=given.get("content"),
        files=[*parts, *files] or None,
    )


def _asked_until(step: dict[str, Any], clients: dict[str, httpx.Client], kept: Kept) -> httpx.Response:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = _asked(step["request"], clients, kept)
        if not list(mismatches(step["until"], answer.json(), dict(kept))) or time.monotonic() > until:
            return answer
        time.sleep(0.2)


def _wrong(step: dict[str, Any], answer: httpx.Response, client: httpx.Client, kept: Kept) -> Iterator[str]:
    if answer.status_code != step.get("status", 200):
        yield f"the status is {answer.status_code}, not {step.get('status', 200)}"
        return
    yield from mismatches({"$some": step.get("headers", {})}, dict(answer.headers), kept, "headers")
    if "body" in step:
        yield from mismatches(step["body"], answer.json(), kept)
    for name, pattern in step.get("parsed", {}).items():
        yield from mismatches(pattern, json.loads(answer.json()[name]), kept, name)
    for wanted in step.get("pictures", ()):
        yield from _wrong_picture(wanted, answer, client, kept)


def _wrong_picture(wanted: dict[str, Any], answer: httpx.Response, client: httpx.Client, kept: Kept) -> Iterator[str]:
    picture = Image.open(io.BytesIO(_content(wanted.get("at", ""), answer, client)))
    if "format" in wanted and picture.format != wanted["format"].upper():
        yield f"the picture is {picture.format}"
    if "size" in wanted and picture.size != tuple(wanted["size"]):
        yield f"the picture is {picture.size[0]}x{picture.size[1]}"
    if "transparent_corner" in wanted:
        corner = picture.convert("RGBA").getpixel((0, 0))
        assert isinstance(corner, tuple)
        if (corner[3] == 0) is not wanted["transparent_corner"]:
            yield f"the corner is {corner}"
    if "shows" in wanted:
        yield from _not_shown(wanted["shows"], look(_as_drawn(picture)))
    if "as" in wanted:
        kept[wanted["as"]] = picture
    if "same_as" in wanted and (levels := _difference(picture, kept[wanted["same_as"]])) > 1:
        yield f"the picture differs from {wanted['same_as']} by {levels} levels"


def _not_shown(shows: dict[str, Any], seen: Sight) -> Iterator[str]:
    for name, value in shows.items():
        if getattr(seen, name) != value:
            yield f"the picture's {name} is {getattr(seen, name)}, not {value}"


def _difference(one: Image.Image, other: Image.Image) -> int:
    """The largest of any channel of any pixel, in levels of 255; sizes must agree."""
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())


def _as_drawn(picture: Image.Image) -> Image.Image:
    if max(picture.size) > LARGEST:
        picture.thumbnail((SIDE, SIDE))
    return picture.convert("RGB")


def _content(place: str, answer: httpx.Response, client: httpx.Client) -> bytes:
    if not place:
        return answer.content
    value = answer.json()
    for part in place.split("."):
        value = value[int(part)] if part.isdecimal() else value[part]
    if re.match(r"https?://|/[a-z]", value):  # base64 of a JPEG begins with a slash too, and a 9
        return client.get(value).raise_for_status().content
    return base64.b64decode(value.partition("base64,")[2] or value)


def _with_pictures(value: Any) -> Any:
    if isinstance(value, dict):
        if any(name in value for name in DRAWN):
            encoded = base64.b64encode(_drawn(value)).decode()
            return encoded if value.get("as") == "base64" else f"data:image/png;base64,{encoded}"
        return {key: _with_pictures(item) for key, item in value.items()}
    return [_with_pictures(item) for item in value] if isinstance(value, list) else value


def _file(value: Any) -> tuple[str, bytes, str]:
    if isinstance(value, str):
        return "words.txt", value.encode(), "text/plain"
    return "picture.png", _drawn(value), "image/png"


def _drawn(value: dict[str, Any]) -> bytes:
    (kind,) = [name for name in DRAWN if name in value]
    asked = value[kind]
    thing = Thing(asked["colour"], asked["shape"], asked.get("size", "big"), asked.get("place", "middle"))
    sides = asked.get("width", 128), asked.get("height", 128)
    picture = draw_scene(Scene(asked["background"], (thing,)), *sides, Random(1))
    if kind != "$draw":
        mask = Image.fromarray(silhouette(picture).astype(np.uint8) * 255)
        picture = mask if kind == "$mask" else Image.eval(mask.filter(ImageFilter.FIND_EDGES), lambda x: 255 - x)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
