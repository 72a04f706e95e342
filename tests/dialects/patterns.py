"""What an answer must look like, as JSON in JSON: a value stands for itself, a string such as "$uuid" for a kind.

"$text|$null" is one or the other; "$uuid as id" keeps what was there under a name, for the requests after it.
{"$each": pattern} is a list whose items all match, {"$begins": [...]} one that begins so; {"$some": {...}} an object
that has at least these members. In what is sent {"$kept": name, ...} is an object that was kept, with other members.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Kept = dict[str, Any]

KINDS: Mapping[str, Callable[[Any], bool]] = {
    "any": lambda value: True,
    "null": lambda value: value is None,
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "share": lambda value: isinstance(value, int | float) and 0 <= value <= 1,
    "text": lambda value: isinstance(value, str) and bool(value.strip()),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "uuid": lambda value: _like(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value),
    "iso": lambda value: _like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value),
    "url": lambda value: _like(r"https?://[^\s/]+/\S+", value),
    "base64": lambda value: _like(r"[A-Za-z0-9+/]{40,}={0,2}", value),
    "data_url": lambda value: _like(r"data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/]{40,}={0,2}", value),
    "colour": lambda value: _like(r"#[0-9A-Fa-f]{6}", value),
}


def mismatches(pattern: Any, value: Any, kept: Kept, place: str = "the answer") -> Iterator[str]:
    """What is wrong with a value, in words; adds what the pattern keeps to `kept`."""
    if isinstance(pattern, str) and pattern.startswith("$"):
        yield from _of_kind(pattern, value, kept, place)
    elif isinstance(pattern, dict) and "$each" in pattern:
        yield from _of_each(pattern["$each"], value, kept, place)
    elif isinstance(pattern, dict) and "$begins" in pattern:
        begins = value[: len(pattern["$begins"])] if isinstance(value, list) else value
        yield from _of_list(pattern["$begins"], begins, kept, place)
    elif isinstance(pattern, dict):
        yield from _of_object(pattern.get("$some", pattern), value, kept, place, whole="$some" not in pattern)
    elif isinstance(pattern, list):
        yield from _of_list(pattern, value, kept, place)
    elif filled(pattern, kept) != value or isinstance(pattern, bool) is not isinstance(value, bool):
        yield f"{place} is {_short(value)}, not {_short(filled(pattern, kept))}"


def filled(value: Any, kept: Kept) -> Any:
    """The value with each "{name}" in its strings replaced by what was kept under that name."""
    if isinstance(value, str):
        if value[:1] == "{" and value[1:-1] in kept and value[-1:] == "}":
            return kept[value[1:-1]]
        return re.sub(r"\{(\w+)\}", lambda match: str(kept.get(match[1], match[0])), value)
    if isinstance(value, dict):
        own = kept[value["$kept"]] if "$kept" in value else {}
        return own | {key: filled(item, kept) for key, item in value.items() if key != "$kept"}
    if isinstance(value, list):
        return [filled(item, kept) for item in value]
    return value


def keys(value: Any, place: str = "") -> Iterator[str]:
    """Every key of a JSON value or of a pattern, with dots: `data.outputImage.id`; a list counts as its items."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name in ("$each", "$some", "$begins"):
                yield from keys(item, place)
            else:
                yield f"{place}{name}"
                yield from keys(item, f"{place}{name}.")
    elif isinstance(value, list):
        for item in value:
            yield from keys(item, place)


def words(value: Any) -> Iterator[str]:
    """Every string in a JSON value or pattern."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from words(item)


def _of_kind(pattern: str, value: Any, kept: Kept, place: str) -> Iterator[str]:
    kinds, _, name = pattern.partition(" as ")
    if not any(KINDS[kind.removeprefix("$")](value) for kind in kinds.split("|")):
        yield f"{place} is {_short(value)}, not {kinds}"
    elif name:
        kept[name] = value


def _of_each(pattern: Any, value: Any, kept: Kept, place: str) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        yield f"{place} is {_short(value)}, not a list with something in it"
        return
    for number, item in enumerate(value):
        yield from mismatches(pattern, item, kept, f"{place}[{number}]")


def _of_list(pattern: list[Any], value: Any, kept: Kept, place: str) -> Iterator[str]:
    if not isinstance(value, list) or len(value) != len(pattern):
        yield f"{place} is {_short(value)}, not a list of {len(pattern)}"
        return
    for number, (wanted, item) in enumerate(zip(pattern, value, strict=True)):
        yield from mismatches(wanted, item, kept, f"{place}[{number}]")


def _of_object(pattern: dict[str, Any], value: Any, kept: Kept, place: str, *, whole: bool) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place} is {_short(value)}, not an object"
        return
    for name in pattern.keys() - value.keys():
        yield f"{place}.{name} is missing"
    for name in value.keys() - pattern.keys() if whole else ():
        yield f"{place}.{name} is there and should not be"
    for name in [name for name in pattern if name in value]:  # in the order of the pattern, which may use what it kept
        yield from mismatches(pattern[name], value[name], kept, f"{place}.{name}")


def _like(expression: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(expression, value) is not None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:120]}..."
