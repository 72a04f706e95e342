"""Prompts that change while a picture is drawn, in AUTOMATIC1111's syntax, which nests.

[from:to:when] changes once, [to:when] appears, [from::when] disappears, [a|b|c] takes turns step by step. `when` with a
point in it is a share of the steps, without one a number of steps; in the second pass of two, shares go from 1 to 2 and
numbers go on counting. What is not that syntax is text, square brackets that weigh their words among it.
Described at https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/Features (Prompt editing, Alternating words).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import methodcaller

TOKENS = re.compile(r"\\.|[\[\]():|]|[^\\\[\]():|]+|\\", re.DOTALL)
WHEN = re.compile(r"\s*(?P<number>[+-]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9}))\s*")
ROUNDING = 1e-9  # of shares: 0.29 of 100 steps are 29


@dataclass(frozen=True, slots=True)
class Change:
    """One text gives way to another after `when` steps, a number or, with a point in it, a share."""

    before: "Text"
    after: "Text"
    when: str

    def at(self, step: int, steps: int) -> "Text":
        when = float(self.when)
        return self.before if step < (int(when * steps + ROUNDING) if "." in self.when else when) else self.after

    def later(self, steps: int) -> "Text":
        """As it reads after so many steps, in another pass."""
        when = float(self.when)
        rest = f"{when - 1:.9f}" if "." in self.when else f"{when - steps:.0f}"
        return ("[", *self.before, ":", *self.after, f":{rest}]") if float(rest) > 0 else self.after


@dataclass(frozen=True, slots=True)
class Turns:
    """Texts of which each has a step, again and again."""

    texts: tuple["Text", ...]

    def at(self, step: int, steps: int) -> "Text":
        return self.texts[step % len(self.texts)]

    def later(self, steps: int) -> "Text":
        """Another pass begins with the first of them."""
        first, *rest = self.texts
        return ("[", *first, *(node for text in rest for node in ("|", *text)), "]")


Node = str | Change | Turns
Text = tuple[Node, ...]


def texts(prompt: str, steps: int) -> list[str]:
    """What the prompt is at each of so many steps."""
    text = _parsed(prompt)
    return [_said(text, methodcaller("at", step, steps)) for step in range(steps)]


def in_second_pass(prompt: str, steps: int) -> str:
    """The prompt of the second pass of two, as a prompt of its own. steps: of the first pass."""
    return _said(_parsed(prompt), methodcaller("later", steps))


def _said(text: Text, chosen: Callable[[Change | Turns], Text]) -> str:
    """Whatever its depth: callers write prompts, and Python's stack ends."""
    said, rest = list[str](), [*reversed(text)]
    while rest:
        node = rest.pop()
        if isinstance(node, str):
            said.append(node)
        else:
            rest.extend(reversed(chosen(node)))
    return "".join(said)


@dataclass(slots=True)
class Open:
    """What stands behind a bracket that is not closed yet; behind a square one it is cut at the marks : and |."""

    bracket: str
    parts: list[list[Node]] = field(default_factory=lambda: [[]])
    marks: list[str] = field(default_factory=list)

    def take(self, nodes: Iterable[Node]) -> None:
        self.parts[-1].extend(nodes)

    def cut(self, mark: str) -> None:
        self.marks.append(mark)
        self.parts.append([])

    def plain(self) -> Iterator[Node]:
        """All of it as it was written."""
        yield self.bracket
        yield from self.parts[0]
        for mark, part in zip(self.marks, self.parts[1:], strict=True):
            yield mark
            yield from part

    def closed(self) -> Iterable[Node]:
        """What a closing square bracket makes of it."""
        *shown, last = self.parts
        when = WHEN.fullmatch(last[0]) if len(last) == 1 and isinstance(last[0], str) else None
        if self.marks in ([":"], [":", ":"]) and when:
            before, after = ([], *shown)[-2:]
            return [Change(tuple(before), tuple(after), when["number"])]
        if self.marks and set(self.marks) == {"|"}:
            return [Turns(tuple(map(tuple, self.parts)))]
        return [*self.plain(), "]"]


def _parsed(prompt: str) -> Text:
    opened = [Open("")]
    for match in TOKENS.finditer(prompt):
        token, bracket = match[0], {"]": "[", ")": "("}.get(match[0])
        if token in ("[", "("):
            opened.append(Open(token))
        elif bracket and any(each.bracket == bracket for each in opened):
            while opened[-1].bracket != bracket:  # what was never closed in here
                _unfold(opened)
            last = opened.pop()
            opened[-1].take(last.closed() if bracket == "[" else [*last.plain(), ")"])
        elif token in (":", "|") and opened[-1].bracket == "[":
            opened[-1].cut(token)
        else:
            opened[-1].take([token])
    while len(opened) > 1:
        _unfold(opened)
    return tuple(opened[0].plain())


def _unfold(opened: list[Open]) -> None:
    last = opened.pop()
    opened[-1].take(last.plain())
