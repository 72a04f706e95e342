"""Pictures that a body names by their address: fetched all at once, before anything of it is decoded.

Our own addresses of images are read from the store: they may not be callable from here, and need no call.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, TypeVar

from fastapi import Request

from server.bodies.job import Address
from server.errors import AddressRefused, BodyInvalid, FetchFailed, ImageUnknown, LinkOver
from server.http.body import Body
from server.http.own_links import own_image
from server.http.parts import Parts

MOST_ADDRESSES = 16  # different ones, in one body
SomeBody = TypeVar("SomeBody", bound=Body)
Get = Callable[[str], Awaitable[bytes]]


def own_first(request: Request, parts: Parts, account: str) -> Get:
    """Brings what lies at an address, for an account: from the store where it is our own, else over HTTP."""

    async def get(address: str) -> bytes:
        try:
            own = await own_image(request, parts, account, address)
        except (ImageUnknown, LinkOver):
            raise FetchFailed from None
        return await parts.fetch.get(address) if own is None else await parts.images.read(own)

    return get


async def with_pictures(body: SomeBody, get: Get) -> SomeBody:
    """The same body with what lies there, in base64. Raises BodyInvalid, AddressRefused and FetchFailed."""
    fields = dict(_addresses(body, ""))
    if len(fields) > MOST_ADDRESSES:
        raise BodyInvalid(f"Too many pictures by their address: at most {MOST_ADDRESSES} can be fetched.")
    found = await asyncio.gather(*(_brought(get, *item) for item in fields.items()))
    whole: SomeBody = _replaced(body, dict(zip(fields, found, strict=True)))
    return whole


async def _brought(get: Get, address: Address, field: str) -> str:
    try:
        return base64.b64encode(await get(address)).decode("ascii")
    except (AddressRefused, FetchFailed) as error:
        raise type(error)(field) from None


def _addresses(value: Any, field: str) -> Iterator[tuple[Address, str]]:
    """With the outermost field of each."""
    match value:
        case Address():
            yield value, field
        case Body():
            for name, item in value:
                yield from _addresses(item, field or name)
        case list():
            for item in value:
                yield from _addresses(item, field)


def _replaced(value: Any, found: Mapping[Address, str]) -> Any:
    match value:
        case Address():
            return found.get(value, value)
        case Body():
            return value.model_copy(update={name: _replaced(item, found) for name, item in value})
        case list():
            return [_replaced(item, found) for item in value]
    return value
