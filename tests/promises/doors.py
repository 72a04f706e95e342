"""The doors of a server, found in its own description: every field of every body that takes a picture or an address.

A dialect that is added later is found like the others, by JSON and by forms; what has no description is not found.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, NamedTuple

NAMED = re.compile(r"image|picture|mask|photo|url|uri|webhook|callback|endpoint", re.IGNORECASE)
# redirect_uri is repeated to Dropbox, which compares it; the others name images that are here.
NEVER_CALLED = frozenset({"redirect_uri", "image_id", "cover_image_id"})
FORMATS = frozenset({"picture", "uri", "binary"})
# Kinds of job that ask for more than a description can say; their webhook is the one of all the others.
ASKING_FOR_MORE = frozenset({"outpaint", "filter", "search_and_recolor", "replace_background", "relight"})
DEEPEST = 6
PRICED = "/darkroom/v1/estimate"  # takes a job as it is, and sends nothing when it has ended: there is none
Schema = Mapping[str, Any]
Trail = tuple[str | int, ...]


class Door(NamedTuple):
    """schema: of the body, or of one of its variants. trail: where in it the field is, whose own schema is `field`.

    is_form: multipart, not JSON.
    """

    method: str
    path: str
    schema: Schema
    trail: Trail
    field: Schema
    is_form: bool

    @property
    def takes_addresses(self) -> bool:
        """Whether it says so; what is described as base64, or as a form's file, is a picture and nothing else."""
        return self.field.get("contentEncoding") != "base64" and self.field.get("format") != "binary"

    def __str__(self) -> str:
        constants = [str(each["const"]) for each in self.schema.get("properties", {}).values() if "const" in each]
        return " ".join([self.method, self.path, *constants, ".".join(map(str, self.trail))])

    def request(self, value: str, picture: str) -> dict[str, Any]:
        """For httpx: right as far as the description says, with `value` in this field and `picture` in the others.

        In JSON both are as they are; in a form, a file's bytes are what they say in base64, or `value` as it is.
        """
        whole = put(self.schema, self.trail, sample(self.schema, picture), value, picture)
        if not self.is_form:
            return {"method": self.method, "url": self.path, "json": whole}
        listed = {name: item if isinstance(item, list) else [item] for name, item in whole.items()}
        files = [
            (name, content_of(text)) for name, texts in listed.items() if self._holds_files(name) for text in texts
        ]
        rest = {name: item for name, item in whole.items() if not self._holds_files(name)}
        return {"method": self.method, "url": self.path, "files": files, "data": rest}

    def _holds_files(self, name: str) -> bool:
        field = self.schema["properties"][name]
        return is_file(field.get("items", field))


def doors(document: Schema) -> list[Door]:
    """document: OpenAPI, as the application gives it."""
    return [
        Door(method.upper(), re.sub(r"{\w+}", "any", path), variant, trail, field, is_form)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for variant, is_form in bodies(document, operation)
        for trail, field in fields(variant, (), "")
        if trail[0] != "webhook" or (path != PRICED and kind_of(variant) not in ASKING_FOR_MORE)
    ]


def kind_of(schema: Schema) -> str | None:
    return schema.get("properties", {}).get("task", {}).get("const")


def bodies(document: Schema, operation: Schema) -> Iterator[tuple[Schema, bool]]:
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        whole = resolved(document, content.get("schema", {}), 0)
        for variant in whole.get("oneOf") or whole.get("anyOf") or [whole]:
            yield variant, media == "multipart/form-data"


def resolved(document: Schema, value: Any, depth: int) -> Any:
    """With what it refers to in place; a schema that contains itself ends somewhere."""
    if isinstance(value, list):
        return [resolved(document, item, depth) for item in value]
    if not isinstance(value, Mapping):
        return value
    if reference := value.get("$ref"):
        if depth > DEEPEST:
            return {}
        found = reduce(lambda part, name: part[name], reference.removeprefix("#/").split("/"), document)
        return resolved(document, found, depth + 1)
    return {key: resolved(document, item, depth) for key, item in value.items()}


def fields(schema: Schema, trail: Trail, name: str) -> Iterator[tuple[Trail, Schema]]:
    for option in options(schema):
        match option.get("type"):
            case "string" if is_door(option, name):
                yield trail, option
            case "array":
                yield from fields(option.get("items", {}), (*trail, 0), name)
            case "object":
                for key, inner in option.get("properties", {}).items():
                    yield from fields(inner, (*trail, key), key)


def is_door(schema: Schema, name: str) -> bool:
    free = not schema.keys() & {"enum", "const"} and name not in NEVER_CALLED
    return free and (schema.get("format") in FORMATS or is_file(schema) or NAMED.search(name) is not None)


def is_file(schema: Schema) -> bool:
    return schema.get("format") == "binary" or "contentMediaType" in schema


def content_of(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return text.encode()


def options(schema: Schema) -> list[Schema]:
    """Of what may be several things."""
    several = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    return [each for one in several for each in options(one)] if several else [schema]


def sample(schema: Schema, picture: str) -> Any:
    """The least that the description takes."""
    told = [schema[name] for name in ("const", "default", "example") if schema.get(name) is not None]
    if told or "enum" in schema:
        return [*told, *schema.get("enum", [])][0]
    option = options(schema)[0]
    if option.get("type") in ("integer", "number"):
        return min(max(64, option.get("minimum", 64)), option.get("maximum", 64))
    if option.get("type") == "string":
        return picture if option.get("format") == "picture" or is_file(option) else "a star"
    return False if option.get("type") == "boolean" else _of_several(option, picture)


def _of_several(schema: Schema, picture: str) -> Any:
    if schema.get("type") == "array":
        inner = schema.get("prefixItems") or [schema.get("items", {})] * schema.get("minItems", 0)
        return [sample(each, picture) for each in inner]
    properties = schema.get("properties", {})
    return {name: sample(properties[name], picture) for name in schema.get("required", [])}


def put(schema: Schema, trail: Trail, body: Any, value: object, picture: str) -> Any:
    """The body with `value` at the end of the trail; what lies on the way is made where it is absent."""
    if not trail:
        return value
    first, *rest = trail
    for option in options(schema):
        if option.get("type") == "array" and first == 0:
            inner = option["items"]
            return [put(inner, tuple(rest), sample(inner, picture), value, picture)]
        if option.get("type") == "object" and first in option.get("properties", {}):
            inner = option["properties"][first]
            whole = body if isinstance(body, dict) else sample(option, picture)
            return whole | {first: put(inner, tuple(rest), whole.get(first), value, picture)}
    raise LookupError(trail)
