"""Writes the table of docs/configuration.md from the settings class, which alone says what each setting is for.

Run it with `.venv/bin/python` after a setting was added or changed; tests/server/test_documents.py fails until then.
"""

import re
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import HttpUrl, SecretStr
from pydantic.fields import FieldInfo
from pydantic.types import PathType
from pydantic_core import PydanticUndefined

from benchmarking.tables import placed, table
from server.secret_files import variable
from server.settings import Settings

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"
WORDS: dict[object, str] = {
    bool: "`on` or `off`", int: "a whole number", float: "a number", str: "text",
    Path: "a path", SecretStr: "a secret", HttpUrl: "an address",
}  # fmt: skip
BOUNDS = (("ge", "{} or more"), ("gt", "more than {}"), ("le", "at most {}"))


def takes(field: FieldInfo) -> str:
    """What a setting may be, in words."""
    return ", ".join([kind(field.annotation, field.metadata), *bounds(field.metadata)])


def kind(annotation: Any, metadata: list[Any]) -> str:
    """annotation: of a setting, which may be unset too; one that may be is called by what it is otherwise."""
    choices = [choice for choice in get_args(annotation) if choice is not NoneType]
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in choices[:-1]) + f" or `{choices[-1]}`"
    if get_origin(annotation) is tuple:
        return "a list"
    if hasattr(annotation, "__metadata__"):
        return kind(choices[0], list(annotation.__metadata__))
    if NoneType in get_args(annotation):
        return kind(choices[0], metadata)
    if any(isinstance(each, PathType) for each in metadata):
        return "a file"
    return WORDS[annotation]


def bounds(metadata: list[Any]) -> list[str]:
    return [words.format(getattr(each, name)) for each in metadata for name, words in BOUNDS if hasattr(each, name)]


def default(field: FieldInfo) -> str:
    if isinstance(field.default, bool):
        return "on" if field.default else "off"
    return "unset" if field.default in (None, "", (), PydanticUndefined) else f"`{field.default}`"


def words(field: FieldInfo) -> str:
    """What stands below the setting, on one line, with links where it names a page."""
    text = " ".join((field.description or "").split()).replace("|", "\\|")
    return re.sub(r"docs/([\w-]+\.md)", r"[\1](\1)", text)


def settings_table() -> str:
    rows = [(f"`{variable(name)}`", takes(field), default(field), words(field)) for name, field in fields().items()]
    return table(("variable", "takes", "unless set", "what it does"), *rows)


def fields() -> dict[str, FieldInfo]:
    return Settings.model_fields


if __name__ == "__main__":
    PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), "settings", settings_table()), encoding="utf-8")
