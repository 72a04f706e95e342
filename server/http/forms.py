"""The only door for forms (multipart/form-data, RFC 7578): their fields as JSON would have them, files in base64.

Lists and objects are spelled with brackets, as OpenAI's clients do: `image[]`, `variation[seed]`, `loras[][name]`.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from server.encoding import in_base64
from server.errors import BodyInvalid
from server.http.body import inlined

FORM = "multipart/form-data"
FILE: dict[str, Any] = {"type": "string", "format": "binary"}  # as OpenAPI describes one
MOST_FILES, MOST_FIELDS = 32, 200
NESTED = re.compile(r"([A-Za-z0-9_]{1,64})((?:\[[A-Za-z0-9_]{0,64}\]){1,5})")
PART = re.compile(r"\[(\w*)\]")
Inner = TypeVar("Inner", list[Any], dict[str, Any])
ITEM = ""  # the part of a name that is `[]`


class _InMemory(MultiPartParser):
    spool_max_size = 0  # nothing of it goes to a disk: the whole body is bounded


@asynccontextmanager
async def open_form(request: Request, most_bytes: int) -> AsyncIterator[FormData]:
    """What came, in its order. most_bytes: of a field that is no file. Raises BodyInvalid and BodyTooLarge."""
    if not is_form(request):
        raise BodyInvalid(f"Send the fields and the files as {FORM}.")
    try:
        form = await _InMemory(
            request.headers, request.stream(), max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=most_bytes
        ).parse()
    except MultiPartException:
        told = f"The form is not whole, or has more than {MOST_FILES} files or {MOST_FIELDS} other fields."
        raise BodyInvalid(told) from None
    try:
        yield form
    finally:
        await form.close()


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith(FORM)


async def read_form(request: Request, most_bytes: int) -> dict[str, Any]:
    """The fields by their names; an empty one is absent, one that comes several times is a list.

    Raises what `open_form` raises.
    """
    async with open_form(request, most_bytes) as form:
        return await _said(form)


def described_form(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI says of a form that is read by this module; what is nested is left to words.

    A field of several files is there by its own name, for one, and with brackets.
    """
    schema = model.model_json_schema()
    schema = inlined(schema, schema.pop("$defs", {}))
    fields: dict[str, Any] = {}
    for name, field in schema["properties"].items():
        plain = _without_null(field)
        if plain.get("items", {}).get("format") == FILE["format"]:
            fields |= {name: plain["items"], f"{name}[]": plain}
        elif plain.get("type") not in ("array", "object"):
            fields[name] = plain
    content = {"schema": schema | {"properties": fields}, "example": example}
    return {"requestBody": {"required": True, "content": {FORM: content}}}


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """A form has no null."""
    options = [option for option in field.get("anyOf", []) if option.get("type") != "null"]
    told = {name: item for name, item in field.items() if name != "anyOf" and item is not None}
    return options[0] | told if len(options) == 1 else field


async def _said(form: FormData) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, item in form.multi_items():
        content = await in_base64(await item.read()) if isinstance(item, UploadFile) else item
        if content:
            _put(value, *_trail(name), content)
    return value


def _trail(name: str) -> tuple[str, list[str]]:
    """`loras[][name]` to "loras" and its parts; a name that is not spelled so is one."""
    nested = NESTED.fullmatch(name)
    return (nested[1], PART.findall(nested[2])) if nested else (name, [])


def _put(into: dict[str, Any], name: str, trail: list[str], content: str) -> None:
    """Raises BodyInvalid where a field is spelled as two different things."""
    if not trail:
        before = into.get(name)
        into[name] = content if before is None else [*(before if isinstance(before, list) else [before]), content]
        return
    first, *rest = trail
    if first != ITEM:
        _put(_inner(into, name, dict), first, rest, content)
    elif rest:
        _put(_item(_inner(into, name, list), rest), rest[0], rest[1:], content)
    else:
        _inner(into, name, list).append(content)


def _inner(into: dict[str, Any], name: str, kind: type[Inner]) -> Inner:
    inner = into.setdefault(name, kind())
    if not isinstance(inner, kind):
        raise BodyInvalid("A field of the form is both a value and a list or an object: send it once.")
    return inner


def _item(items: list[Any], trail: list[str]) -> dict[str, Any]:
    """The object of the list that a field belongs to: a new one begins where a field comes again that is no list."""
    last = items[-1] if items else None
    if isinstance(last, dict) and (trail[0] not in last or ITEM in trail):
        return last
    items.append({})
    new: dict[str, Any] = items[-1]
    return new
