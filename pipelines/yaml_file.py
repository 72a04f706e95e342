"""Reads a YAML file into a pydantic model, with errors that name the file, the line and the field."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.nodes import MappingNode, Node, SequenceNode

from pipelines.errors import CatalogInvalid

Form = TypeVar("Form", bound=BaseModel)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where libyaml was there when it was built


def read(path: Path, form: type[Form]) -> Form:
    """The content of `path` as a `form`.

    Raises CatalogInvalid when the file is absent, is no YAML, or does not say what it must.
    """
    try:
        text = path.read_text(encoding="utf-8")
        root, content = yaml.compose(text, Loader=LOADER), yaml.load(text, Loader=LOADER)  # noqa: S506  # a safe one
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogInvalid(f"{path.name}: the file cannot be read as text.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}:" if mark else ""
        raise CatalogInvalid(f"{path.name}:{place} this is not YAML.") from error
    for line, key in _twice(root):
        raise CatalogInvalid(f"{path.name}: line {line}: the field {key} appears twice.", field=key)
    try:
        return form.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        line, field = _place(root, first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise CatalogInvalid(f"{path.name}: line {line}: {field}: {message}.", field=field) from error


def _twice(node: Node | None) -> Iterator[tuple[int, str]]:
    """Line and key of every key that its mapping has already; plain YAML would let the last one win unseen."""
    if isinstance(node, SequenceNode):
        for item in node.value:
            yield from _twice(item)
    if isinstance(node, MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.start_mark.line + 1, str(key.value)
            seen.add(key.value)
            yield from _twice(value)


def _place(root: Node | None, location: tuple[int | str, ...]) -> tuple[int, str]:
    """The line of the deepest node that exists on the way to `location`, and the way in dots."""
    node, line = root, root.start_mark.line if root else 0
    for step in location:
        if isinstance(node, MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return line + 1, ".".join(str(step) for step in location) or "the file"
