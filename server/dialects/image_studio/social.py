"""Social: a picture cut to the formats of platforms, and what those formats and platforms ask for."""

import asyncio
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog
from pipelines.engine.protocol import Terms
from pipelines.planning import crop
from pipelines.tasks import Crop, Raster
from server import decode
from server.dialects.image_studio.pictures import API, Picture, encoding_of, told
from server.dialects.image_studio.wording import PREFIX, in_body
from server.encoding import in_base64, within
from server.errors import BodyInvalid
from server.http.auth import TheAccount
from server.http.body import Body, Name, check, described, read_json
from server.http.parts import Parts, TheParts
from server.http.waiting import draw_each
from server.images import Image
from server.jobs import Origin
from server.prompts.library import Content
from server.prompts.places import Format, Platform

MOST_PLATFORMS = 32
MEGABYTE = 10**6

Share = Annotated[float, Field(ge=0, le=1)]


class Point(Body):
    """As shares of the picture, from the left and from the top."""

    x: Share
    y: Share


class Optimize(Body):
    """The body of POST /api/image-studio/social/optimize. format_names: by platform; left out, its first format."""

    image_base64: Picture
    platforms: Annotated[list[Name], Field(min_length=1, max_length=MOST_PLATFORMS)]
    format_names: Annotated[dict[Name, Name], Field(max_length=MOST_PLATFORMS)] | None = None
    show_safe_zones: bool | None = False
    crop_mode: Literal["smart", "center", "fit"] | None = "smart"
    focal_point: Point | None = None
    output_format: Literal["png", "jpg", "jpeg"] | None = "png"


class Place(NamedTuple):
    """Where a picture is to be shown. platform: as the caller calls it."""

    platform: str
    format: Format


router = APIRouter(prefix=PREFIX)
EXAMPLE = {"image_base64": "data:image/png;base64,iVBORw0KGgo...", "platforms": ["instagram", "facebook"]}


@router.post("/social/optimize", openapi_extra=described(Optimize, EXAMPLE))
async def optimize(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """The picture in the size of each platform's format, in a file as small as the platform takes."""
    value = await read_json(request)
    asked = check(Optimize, value)
    with in_body():
        places = places_of(asked, parts.library.now)
    image = await decode.picture_with_alpha(asked.image_base64, "image_base64")
    tasks = [to_task(asked, image, place.format, parts.catalog) for place in places]
    encoding = encoding_of(asked.output_format or "png")
    outcomes = await draw_each(request, parts, tasks, encoding, Terms(account), origin=Origin(API))
    results = [
        await _result(place, outcome, parts)
        for place, outcome in zip(places, outcomes, strict=True)
        if isinstance(outcome, Image)
    ]
    answer = {"success": True, "results": results, "total_optimized": len(results)}
    return JSONResponse(answer, headers=told(Optimize, value, warning=_idle(asked)))


@router.get("/social/platforms/{platform}/formats")
async def formats(platform: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """What a platform shows: sizes in pixels, safe zones as shares of them, files."""
    listed = parts.library.now.platform(platform).formats.values()
    return {"formats": [format_.model_dump(mode="json") for format_ in listed]}


@router.get("/platform-specs/{platform}")
async def specs(platform: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """The same in short, and what files the platform takes."""
    found = parts.library.now.platform(platform)
    return {
        "name": found.name,
        "formats": [
            {"name": format_.name, "ratio": format_.ratio, "size": f"{format_.width}x{format_.height}"}
            for format_ in found.formats.values()
        ],
        "file_types": list(found.file_types),
        "max_file_size": f"{found.max_file_mb:g}MB",
    }


def places_of(asked: Optimize, content: Content) -> list[Place]:
    """Raises EntryUnknown for a platform, BodyInvalid for a format that is not there."""
    named = asked.format_names or {}
    return [Place(name, _format(content.platform(name), named.get(name))) for name in asked.platforms]


def to_task(asked: Optimize, image: Raster, format_: Format, catalog: Catalog) -> Crop:
    mode, zone, point = asked.crop_mode or "smart", format_.safe_zone, asked.focal_point
    return crop(
        catalog,
        image=image,
        width=format_.width,
        height=format_.height,
        mode=mode,
        focus=(point.x, point.y) if point and mode == "smart" else None,
        safe_zone=(zone.left, zone.top, zone.right, zone.bottom) if asked.show_safe_zones else None,
    )


def _format(platform: Platform, name: str | None) -> Format:
    found = next(iter(platform.formats.values())) if name is None else platform.format(name)
    if found is None:
        names = ", ".join(format_.name for format_ in platform.formats.values())
        raise BodyInvalid(f"`format_names`: {platform.name} has these formats: {names}.", field="format_names")
    return found


def _idle(asked: Optimize) -> str | None:
    """What was asked for and has no effect."""
    said = []
    if asked.focal_point and asked.crop_mode not in (None, "smart"):
        said.append("focal_point has no effect without the crop_mode smart.")
    if not (asked.format_names or {}).keys() <= set(asked.platforms):
        said.append("format_names names a platform that is not among platforms.")
    return " ".join(said) or None


async def _result(place: Place, image: Image, parts: Parts) -> dict[str, Any]:
    content = await parts.images.read(image)
    file = await asyncio.to_thread(within, content, int(place.format.max_size_mb * MEGABYTE))
    return {
        "platform": place.platform,
        "format": place.format.name,
        "image_base64": f"data:{image.encoding.media_type};base64,{await in_base64(file)}",
        "width": image.width,
        "height": image.height,
    }
