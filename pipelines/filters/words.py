"""How a filter is asked for: by name, with parameters that each say what they may be. Standard library only."""

from dataclasses import dataclass
from math import isfinite

from pipelines.errors import TaskRefused

Value = float | int | str


@dataclass(frozen=True, slots=True)
class Number:
    """A parameter from `least` to `most`; `means` tells people what for, and its unit."""

    default: float
    least: float
    most: float
    means: str

    @property
    def range(self) -> str:
        return f"from {self.least:g} to {self.most:g}"

    def read(self, value: object) -> float | None:
        """The value as it is used, or None if it may not be."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if self.least <= value <= self.most and isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `least` to `most`; 4.0 is one too, since JSON's writers differ."""

    default: int
    least: int
    most: int
    means: str

    @property
    def range(self) -> str:
        return f"a whole number from {self.least} to {self.most}"

    def read(self, value: object) -> int | None:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        whole = isinstance(value, int) and not isinstance(value, bool)
        return value if whole and isinstance(value, int) and self.least <= value <= self.most else None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some names."""

    default: str
    names: tuple[str, ...]
    means: str

    @property
    def range(self) -> str:
        return f"one of {', '.join(self.names)}"

    def read(self, value: object) -> str | None:
        return value if isinstance(value, str) and value in self.names else None


Parameter = Number | Whole | Choice


@dataclass(frozen=True, slots=True)
class Step:
    """One filter of a chain, as `pipelines.filters.table.step` has checked it: every parameter has a value."""

    name: str
    parameters: tuple[tuple[str, Value], ...] = ()


def read(parameter: Parameter, name: str, value: object) -> Value:
    """The value of a filter's parameter `name`, such as `blur.radius`. Raises TaskRefused."""
    known = parameter.read(value)
    if known is None:
        raise TaskRefused(f"{name} must be {parameter.range}.", field="filters")
    return known
