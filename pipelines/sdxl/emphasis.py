"""Emphasis in prompts, in AUTOMATIC1111's syntax: (word), [word], (word:1.3), and backslashes for plain brackets.

Round brackets weigh their words by 1.1, square ones by 1 / 1.1, and they nest; a number before the closing round
bracket is the weight itself. What is not that syntax is text.
Described at https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/Features (Attention/emphasis).
"""

import re
from itertools import groupby
from typing import NamedTuple

STEP = 1.1
MARKS = re.compile(r"\\[()\[\]\\]|[()\[\]]|:\s*(?P<weight>[+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*\)|[^\\()\[\]:]+|[\\:]")


class Piece(NamedTuple):
    """A stretch of text and how much its tokens weigh; 1 is plain."""

    text: str
    weight: float


def pieces(prompt: str) -> list[Piece]:
    """The prompt cut where the weight changes, without the brackets; one empty piece for an empty prompt."""
    found: list[Piece] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}  # where each open bracket's words begin
    for match in MARKS.finditer(prompt):
        mark, weight = match[0], match["weight"]
        if mark in opened:
            opened[mark].append(len(found))
        elif weight is not None and opened["("]:
            _weigh(found, opened["("].pop(), float(weight))
        elif mark == ")" and opened["("]:
            _weigh(found, opened["("].pop(), STEP)
        elif mark == "]" and opened["["]:
            _weigh(found, opened["["].pop(), 1 / STEP)
        else:
            is_escape = len(mark) == 2 and mark[0] == "\\"
            found.append(Piece(mark[1] if is_escape else mark, 1.0))
    for start in opened["("]:  # never closed: they reach to the end
        _weigh(found, start, STEP)
    for start in opened["["]:
        _weigh(found, start, 1 / STEP)
    joined = [
        Piece("".join(piece.text for piece in group), weight)
        for weight, group in groupby(found, key=lambda piece: piece.weight)
    ]
    return joined or [Piece("", 1.0)]


def _weigh(found: list[Piece], start: int, factor: float) -> None:
    found[start:] = [Piece(piece.text, piece.weight * factor) for piece in found[start:]]
