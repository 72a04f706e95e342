"""What was found: about what, how bad it is, in words, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

State = Literal["well", "hint", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """state: `problem` stops it from drawing, or from starting; `hint` is worth knowing. remedy: what to do, if any."""

    about: str
    state: State
    said: str
    remedy: str | None = None


def well(about: str, said: str) -> Finding:
    return Finding(about, "well", said)


def hint(about: str, said: str, remedy: str | None = None) -> Finding:
    return Finding(about, "hint", said, remedy)


def problem(about: str, said: str, remedy: str) -> Finding:
    return Finding(about, "problem", said, remedy)
