"""Picture files over HTTP: fixed types, entity tags, ranges, attachments, and what of it counts as a view.

Ranges and conditions are RFC 9110's, sections 13 and 14. Of a range header with several ranges nothing is made: the
file comes whole, as section 14.2 allows, so that no header costs more than a file.
"""

import re

from fastapi import Request, Response

from server.errors import RangeBeyond
from server.http.parts import Parts
from server.images import Image
from server.thumbnails import MEDIA_TYPE, Small

RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")
HARMLESS = {"Content-Security-Policy": "default-src 'none'; sandbox"}  # whatever it takes a file for, nothing runs
OWN = "private, no-cache"  # asked for again each time, and then answered with 304
OPEN = "public, max-age=60"  # so long it may be shown after its owner has closed it


async def file_of(request: Request, parts: Parts, image: Image, cache: str, *, download: bool = False) -> Response:
    """An image's file, whole or the range that was asked for; counts it. Raises ImageUnknown and RangeBeyond.

    One view, or download where it comes as an attachment, is a GET that is answered with the file's first byte. HEAD,
    304 and ranges that begin later count nothing.
    """
    headers = {"Content-Disposition": f'attachment; filename="{image.id}.{image.encoding.format}"'} if download else {}
    headers |= HARMLESS | {"ETag": f'"{image.blob}"', "Cache-Control": cache, "Accept-Ranges": "bytes"}
    if _is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    content = await parts.images.read(image)
    part = _part(request, headers["ETag"], len(content))
    if request.method == "GET" and (part is None or part.start == 0):
        await parts.images.count(image, "downloads" if download else "views")
    if part is None:
        return Response(content, media_type=image.encoding.media_type, headers=headers)
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(content)}"
    return Response(content[part.start : part.stop], 206, headers, image.encoding.media_type)


def small_of(request: Request, small: Small, cache: str) -> Response:
    """A thumbnail; they count nothing."""
    headers = HARMLESS | {"ETag": f'"{small.tag}"', "Cache-Control": cache}
    if _is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(small.content, media_type=MEDIA_TYPE, headers=headers)


def _is_known(request: Request, tag: str) -> bool:
    """If-None-Match names what the client has; W/ before a tag changes nothing here (section 13.1.2)."""
    tags = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    return not tags.isdisjoint({tag, "*"})


def _part(request: Request, tag: str, size: int) -> range | None:
    """Of the file's bytes; None, which is all of them, where no range is asked for, or none that we understand."""
    asked = RANGE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or request.method != "GET" or request.headers.get("if-range", tag) != tag:
        return None
    first, last, end = asked.groups()
    if end is not None:
        start, stop = max(0, size - int(end)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise RangeBeyond(size)
    return range(start, stop)
