"""Pictures that a body names by their address: fetched all at once, before anything of it is decoded."""

import asyncio
import base64
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeVar

from server.bodies.job import Address
from server.errors import AddressRefused, BodyInvalid, FetchFailed
from server.http.body import Body

MOST_ADDRESSES = 16  # different ones, in one body
SomeBody = TypeVar("SomeBody", bound=Body)


class Getting(Protocol):
    """See `server.fetch.Fetch`."""

    async def get(self, url: str) -> bytes: ...


async def with_pictures(body: SomeBody, fetch: Getting) -> SomeBody:
    """The same body with what lies there, in base64. Raises BodyInvalid, AddressRefused and FetchFailed."""
    fields = dict(_addresses(body, ""))
    if len(fields) > MOST_ADDRESSES:
        raise BodyInvalid(f"Too many pictures by their address: at most {MOST_ADDRESSES} can be fetched.")
    found = await asyncio.gather(*(_fetched(fetch, address, field) for address, field in fields.items()))
    whole: SomeBody = _replaced(body, dict(zip(fields, found, strict=True)))
    return whole


async def _fetched(fetch: Getting, address: Address, field: str) -> str:
    try:
        return base64.b64encode(await fetch.get(address)).decode("ascii")
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
            return found[value]
        case Body():
            return value.model_copy(update={name: _replaced(item, found) for name, item in value})
        case list():
            return [_replaced(item, found) for item in value]
    return value
