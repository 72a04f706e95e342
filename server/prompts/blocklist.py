"""What may not be drawn here, as the operator lists it: a word, a phrase or a /regular expression/ a line.

Expressions are those of RE2 (https://github.com/google/re2/wiki/Syntax): its time grows with the text and nothing else,
so that no line and no prompt can make it hang.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import re2

from pipelines.errors import CatalogInvalid
from pipelines.passes import passes_of
from pipelines.prompt_editing import texts
from pipelines.tasks import Drawing, Task
from server.errors import PromptBlocked
from server.prompts.words import folded, words_of

SAID = frozenset({"prompt", "negative_prompt", "words"})  # fields of tasks that hold a caller's words
MOST_BYTES = 2**20
MOST_LINES = 20_000
MOST_EXPRESSIONS = 200  # each is a search of its own
MOST_EXPRESSION_BYTES = 2**23  # of memory, compiled


class Blocklist:
    """Words and phrases are found as whole words, whatever the capitals, the spelling in Unicode, what stands between.

    Expressions are searched for in the folded text; \\b and \\w know ASCII only.
    """

    def __init__(self, lines: tuple[str, ...] = (), name: str = "the blocklist") -> None:
        """lines: of the file `name`; empty ones and those that begin with # say nothing. Raises CatalogInvalid."""
        self._phrases: dict[int, set[tuple[str, ...]]] = defaultdict(set)  # by their number of words
        self._expressions: list[Any] = []
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if line and not line.startswith("#"):
                self._take(line, f"{name}: line {number}")

    @classmethod
    def load(cls, path: Path | None) -> "Blocklist":
        """The list in a file, in UTF-8; without one nothing is blocked. Raises CatalogInvalid, which names the line."""
        if path is None:
            return cls()
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
            lines = tuple(content.decode("utf-8-sig").splitlines())
        except (OSError, UnicodeDecodeError):
            raise CatalogInvalid(f"{path.name}: the blocklist cannot be read as text.") from None
        if len(content) > MOST_BYTES or len(lines) > MOST_LINES:
            raise CatalogInvalid(f"{path.name}: a blocklist has at most {MOST_LINES} lines and {MOST_BYTES} bytes.")
        return cls(lines, path.name)

    def blocks(self, text: str) -> bool:
        """Whether anything on the list stands in the text."""
        if not self._phrases and not self._expressions:
            return False
        words = words_of(text)
        for size, phrases in self._phrases.items():
            if any(words[start : start + size] in phrases for start in range(len(words) - size + 1)):
                return True
        plain = folded(text) if self._expressions else ""
        return any(expression.search(plain) for expression in self._expressions)

    def check(self, task: Task) -> None:
        """Raises PromptBlocked where any words of the task are on the list, those of what it is made of too."""
        for field, text in _said(task):
            self.check_text(text, field)
        for field, text in _drawn(task):
            self.check_text(text, field)

    def check_text(self, text: str, field: str) -> None:
        """Raises PromptBlocked."""
        if self.blocks(text):
            raise PromptBlocked(field)

    def _take(self, line: str, place: str) -> None:
        if len(line) > 2 and line.startswith("/") and line.endswith("/"):
            if len(self._expressions) == MOST_EXPRESSIONS:
                raise CatalogInvalid(f"{place}: a blocklist has at most {MOST_EXPRESSIONS} regular expressions.")
            self._expressions.append(_compiled(line[1:-1], place))
            return
        words = words_of(line)
        if not words:
            raise CatalogInvalid(f"{place}: there is no word in it; write signs as a /regular expression/.")
        self._phrases[len(words)].add(words)


def _compiled(expression: str, place: str) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MOST_EXPRESSION_BYTES
    try:
        compiled = re2.compile(expression, options)
    except re2.error:
        raise CatalogInvalid(f"{place}: this is no regular expression of RE2.") from None
    if compiled.search(""):
        raise CatalogInvalid(f"{place}: this expression would block every prompt.")
    return compiled


def _drawn(task: object) -> Iterator[tuple[str, str]]:
    """Names and contents of what prompts that change while they are drawn read as on the way."""
    assert is_dataclass(task)
    for each in passes_of(task) if isinstance(task, Drawing) else ():
        for name in ("prompt", "negative_prompt"):
            said = getattr(each, name)
            strength = getattr(each, "strength", 1.0)
            read = texts(said, max(1, int(each.steps * strength))) if "[" in said else ()
            yield from ((name, text) for text in dict.fromkeys(read))
    for part in (getattr(task, field.name) for field in fields(task)):
        if isinstance(part, Drawing):
            yield from _drawn(part)


def _said(task: object) -> Iterator[tuple[str, str]]:
    """Name and content of every field that holds a caller's words; a task may hold another one."""
    assert is_dataclass(task)
    for field in fields(task):
        value = getattr(task, field.name)
        if field.name in SAID and isinstance(value, str):
            yield field.name, value
        elif is_dataclass(value):
            yield from _said(value)
