"""The only door for JSON: bytes become a checked request model, or a BodyInvalid that says what to mend.

orjson refuses what the standard parser lets in or dies of: NaN and Infinity, lone surrogates, invalid UTF-8, nesting
beyond 1024 levels; an integer beyond 64 bits comes back as a float, which a strict integer field refuses.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar, get_args

import orjson
from fastapi import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from pipelines.tasks import SEED_LIMIT
from server.errors import BodyInvalid

IGNORED_FIELDS_HEADER = "x-darkroom-ignored-fields"
NAME = re.compile(r"[A-Za-z0-9_]{1,64}(\.[A-Za-z0-9_]{1,64})*")
MOST_NAMED = 20  # ignored fields; a header has to stay small
LONGEST_PROMPT = 4000  # characters


class Body(BaseModel):
    """What request models are made of: true is no integer, "7" is no seed, NaN is no number."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class SparseBody(Body):
    """A field that is null is as if it were absent, as many clients send what nobody filled in."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        return {name: item for name, item in value.items() if item is not None} if isinstance(value, dict) else value


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("it holds a NUL character: take it out")
    return text


def _with_words(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty: say what to draw")
    return text


Text = Annotated[str, Field(max_length=LONGEST_PROMPT), AfterValidator(_without_nul)]
Prompt = Annotated[Text, AfterValidator(_with_words)]
Name = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_without_nul)]
Seed = Annotated[int, Field(ge=0, lt=SEED_LIMIT)]

SomeBody = TypeVar("SomeBody", bound=BaseModel)


async def read_json(request: Request) -> dict[str, Any]:
    """The body as a JSON object, whatever its content type says; raises BodyInvalid or BodyTooLarge."""
    try:
        value = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise BodyInvalid(
            f"The body is not valid JSON (line {error.lineno}, column {error.colno}): send one JSON object in UTF-8."
        ) from None
    if not isinstance(value, dict):
        raise BodyInvalid("The body must be a JSON object, such as {}.")
    return value


def check(model: type[SomeBody], value: dict[str, Any], *, strict: bool | None = None) -> SomeBody:
    """The request model of a JSON object; raises BodyInvalid that blames the first wrong field.

    strict: False for what came in a form, where numbers are text; None is as the model has it.
    """
    try:
        return model.model_validate(value, strict=strict)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    raise blaming(_place(model, first["loc"]), first["msg"])


def _place(model: type[BaseModel], loc: tuple[int | str, ...]) -> str | None:
    """With dots, such as `parameters.width`; only as far as the names are ours: keys of a map are the caller's."""
    forms, named = [model], list[str]()
    for part in map(str, loc):
        field = next((form.model_fields[part] for form in forms if part in form.model_fields), None)
        if field is None:
            break
        named.append(part)
        forms = _forms(field)
    return ".".join(named) or None


def blaming(field: str | None, told: str) -> BodyInvalid:
    """What pydantic told of a field, in our words."""
    if field is None or not NAME.fullmatch(field):
        return BodyInvalid("The request does not have the form that /docs describes.")
    told = told.removeprefix("Value error, ").removeprefix("Input ")
    return BodyInvalid(f"`{field}`: {told[0].lower()}{told[1:]}.", field=field)


def ignored_fields(model: type[Body], value: dict[str, Any]) -> dict[str, str]:
    """A header that names the fields which the model does not have, with dots; strange names are left unsaid."""
    names = sorted(name for name in _unknown(model, value) if NAME.fullmatch(name))
    return {IGNORED_FIELDS_HEADER: ", ".join(names[:MOST_NAMED])} if names else {}


def _unknown(model: type[BaseModel], value: dict[str, Any], place: str = "") -> Iterator[str]:
    for name, item in value.items():
        field = model.model_fields.get(name)
        if field is None:
            yield f"{place}{name}"
        elif isinstance(item, dict):
            for form in _forms(field):
                yield from _unknown(form, item, f"{place}{name}.")


def _forms(field: FieldInfo) -> list[type[BaseModel]]:
    """The models that a value of the field may be of."""
    kinds = (field.annotation, *get_args(field.annotation))
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]


def described(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI says of a body that is read by this module."""
    schema = model.model_json_schema()
    schema = inlined(schema, schema.pop("$defs", {}))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}


def inlined(value: Any, parts: dict[str, Any]) -> Any:
    """A schema with its parts in place: a body's own `$defs` would be out of reach inside the whole description."""
    if isinstance(value, dict):
        if reference := value.get("$ref"):
            return inlined(parts[reference.removeprefix("#/$defs/")], parts)
        return {key: inlined(item, parts) for key, item in value.items()}
    if isinstance(value, list):
        return [inlined(item, parts) for item in value]
    return value
