"""What the answers have in common: the pictures, in base64 or by their addresses, and what is said beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse

from server.dialects.openai.asked import Answered, Drawn
from server.dialects.openai.planned import Planned
from server.encoding import in_base64
from server.http.body import IGNORED_FIELDS_HEADER, ignored_fields
from server.http.own_links import open_address
from server.http.parts import Parts
from server.images import Image

QUALITIES = {"auto": "medium", "standard": "medium", "hd": "high"}  # by their names of today


@dataclass(frozen=True, slots=True)
class Asking:
    """A request on its way to its answer. value: as it came."""

    request: Request
    parts: Parts
    account: str
    asked: Answered
    planned: Planned
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """image: the one that is shown. drawn: the one that was drawn, which is another where its background is gone."""

    image: Image
    drawn: Image


async def answered(asking: Asking, shown: Sequence[Shown]) -> JSONResponse:
    first = shown[0]
    rendered = {"x-darkroom-rendered-size": "{}x{}".format(*first.drawn.rendered)}
    by = {"x-darkroom-model": first.drawn.model} if first.drawn.model else {}
    data = [await _entry(asking, each) for each in shown]
    described = looks(asking.asked, first.image.width, first.image.height)
    answer = {"created": int(first.drawn.created), "data": data} | described | {"usage": None}
    return JSONResponse(answer, headers=told(asking) | rendered | by)


def looks(asked: Answered, width: int, height: int) -> dict[str, Any]:
    """What answers and events alike say of a picture."""
    said = {
        "background": "transparent" if asked.is_transparent else "opaque",
        "output_format": asked.output_format or "png",
        "size": f"{width}x{height}",
    }
    if isinstance(asked, Drawn):
        quality = asked.quality or "auto"
        said["quality"] = QUALITIES.get(quality, quality)
    return said


def told(asking: Asking) -> dict[str, str]:
    """Headers: the fields that were ignored, strange names left unsaid, and what the model's name stood for."""
    planned, headers = asking.planned, ignored_fields(type(asking.asked), asking.value)
    if idle := sorted(name for name in planned.idle if name in asking.value):
        headers = {IGNORED_FIELDS_HEADER: ", ".join([*headers.values(), *idle])}
    warning = planned.meant and planned.meant.warning
    return headers | ({"x-darkroom-warning": warning} if warning else {})


async def _entry(asking: Asking, shown: Shown) -> dict[str, Any]:
    images, seed = asking.parts.images, {"seed": shown.drawn.seed}
    if asking.asked.is_in_base64:
        return {"b64_json": await in_base64(await images.read(shown.image))} | seed
    return {"url": await open_address(asking.request, asking.parts, shown.image)} | seed
