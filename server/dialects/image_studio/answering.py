"""What the operations on a given picture share: how their bodies are read, and how the one picture is answered with."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

from fastapi import Request
from starlette.responses import JSONResponse

from server.dialects.image_studio.pictures import data_url
from server.errors import BodyInvalid
from server.http.body import IGNORED_FIELDS_HEADER, MOST_NAMED, NAME, Body, check, read_json
from server.http.parts import Parts
from server.images import Image

SomeBody = TypeVar("SomeBody", bound=Body)


async def read(request: Request, model: type[SomeBody]) -> tuple[SomeBody, dict[str, Any]]:
    """The body as a model, and as it came; a field that is null is absent. Raises BodyInvalid and BodyTooLarge."""
    value = {name: item for name, item in (await read_json(request)).items() if item is not None}
    return check(model, value), value


def require(asked: Body, noun: str, *fields: str) -> None:
    """Raises BodyInvalid, in the document's own words, where one of the fields says nothing."""
    for field in fields:
        if not (getattr(asked, field) or "").strip():
            word = field.removesuffix("_base64").replace("_", " ").capitalize()
            raise BodyInvalid(f"{word} is required for {noun}", field=field)


def unused(asked: Body, used: Collection[str]) -> list[str]:
    """The fields that say something and are not among those that are used."""
    usual = {name: field.default for name, field in type(asked).model_fields.items()}
    return sorted(name for name, value in asked if name not in used and value not in (None, usual[name]))


def naming(headers: Mapping[str, str], unused: Iterable[str]) -> dict[str, str]:
    """The headers, of which one names what was ignored, with more of that; strange names are left unsaid."""
    before = headers.get(IGNORED_FIELDS_HEADER)
    fit = [name for name in unused if NAME.fullmatch(name.removeprefix("options."))]
    names = [*(before.split(", ") if before else []), *fit]
    return dict(headers) | ({IGNORED_FIELDS_HEADER: ", ".join(names[:MOST_NAMED])} if names else {})


async def answered(
    image: Image, parts: Parts, said: Mapping[str, Any], metadata: Mapping[str, Any], headers: Mapping[str, str]
) -> JSONResponse:
    """said: what the answer begins with. The metadata tell the model, the seed and the seconds of drawing too."""
    answer = {
        "success": True,
        **said,
        "image_base64": await data_url(image, parts),
        "width": image.width,
        "height": image.height,
        "metadata": {
            **metadata,
            "processing_time": None if image.seconds is None else round(image.seconds, 3),
            "model": image.model,
            "seed": image.seed,
        },
    }
    by = {"x-darkroom-model": image.model} if image.model else {}
    return JSONResponse(answer, headers=dict(headers) | by)
