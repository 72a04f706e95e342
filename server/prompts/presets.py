"""Named prompts with {{variables}}, and what each must be. Nothing in a value is looked at again or executed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from server.errors import VariableWrong
from server.prompts.forms import Entry, Id, Line, Many

VARIABLE = re.compile(r"\{\{\s*([a-z0-9][a-z0-9_]{0,63})\s*\}\}")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
LONGEST_VALUE = 1000
MOST_NUMBER = 1e12
NO_FILES: Mapping[str, int] = MappingProxyType({})
Words = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]


class Requirement(Entry):
    """What a variable must be; without a default it must be given, unless it is said not to be required.

    max_length: of a text, in characters. min, max: of a number. options: of a choice. A file is a picture that goes
    beside the prompt; `multiple` takes several of them.
    """

    type: Literal["text", "number", "choice", "file"] = "text"
    label: Line
    description: Line | None = None
    required: bool = True
    default: str | int | float | None = None
    max_length: Annotated[int, Field(ge=1, le=LONGEST_VALUE)] = 200
    min: Annotated[float | None, Field(ge=-MOST_NUMBER, le=MOST_NUMBER, strict=False)] = None
    max: Annotated[float | None, Field(ge=-MOST_NUMBER, le=MOST_NUMBER, strict=False)] = None
    options: Many[Line] = ()
    multiple: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.type == "choice") is not bool(self.options):
            raise ValueError("a choice needs options, and nothing else has them")
        if self.type != "number" and (self.min is not None or self.max is not None):
            raise ValueError("only a number has min and max")
        if self.type != "file" and self.multiple:
            raise ValueError("only of files there may be several")
        if self.default is not None and (self.type == "file" or self.wrong(self.default)):
            raise ValueError("the default is none of the values that it may have")
        return self

    def wrong(self, value: object) -> str | None:
        """What is wrong with the value, as the end of a sentence; None if nothing is."""
        if self.type == "number":
            return self._wrong_number(value)
        if self.type == "choice":
            return None if value in self.options else "must be one of its options"
        if not isinstance(value, str):
            return "must be a text"
        if not value.strip() or len(value) > self.max_length or UNPRINTABLE.search(value):
            return f"must be a line of 1 to {self.max_length} characters"
        return None

    def _wrong_number(self, value: object) -> str | None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return "must be a number"
        least = -MOST_NUMBER if self.min is None else self.min
        most = MOST_NUMBER if self.max is None else self.max
        return None if least <= value <= most else f"must be a number from {least:g} to {most:g}"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A preset with its variables filled in. files: requirements whose pictures go with it, in the preset's order."""

    prompt: str
    negative_prompt: str
    files: tuple[str, ...]


class Preset(Entry):
    """prompt: a template, the base of what is drawn. style, template, model, ratio, resolution: what goes with it."""

    name: Line
    description: Line
    prompt: Words
    negative_prompt: Annotated[str, Field(max_length=2000)] = ""
    requirements: Annotated[dict[Id, Requirement], Field(max_length=64)] = Field(default_factory=dict)
    style: Id | None = None
    template: Id | None = None
    model: Line | None = None
    ratio: Annotated[str, Field(max_length=16)] | None = None
    resolution: Literal["low", "standard", "high", "4k"] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for text in (self.prompt, self.negative_prompt):
            named = set(VARIABLE.findall(text))
            if strange := sorted(name for name in named if name not in self.requirements):
                raise ValueError(f"there is no requirement for the variable {strange[0]}")
            if any(self.requirements[name].type == "file" for name in named):
                raise ValueError("a file cannot stand among words")
            if "{{" in VARIABLE.sub("", text) or "}}" in VARIABLE.sub("", text):
                raise ValueError("a variable is written {{name}}, with a to z, 0 to 9 and _")
        return self

    def render(self, variables: Mapping[str, Any], files: Mapping[str, int] = NO_FILES, prompt: str = "") -> Rendered:
        """The prompt with its variables, and what the caller wrote beside it after it.

        variables: values by names. files: how many pictures came, by names of requirements of type file. Raises
        VariableWrong, which names the variable, never its value.
        """
        texts = [name for name, requirement in self.requirements.items() if requirement.type != "file"]
        if not set(variables) <= set(texts):
            raise VariableWrong("The preset has no variable of this name: its requirements list them.")
        values = {name: self._value(name, variables) for name in texts}
        told = ", ".join(text for text in (_filled(self.prompt, values), prompt.strip()) if text)
        return Rendered(told, _filled(self.negative_prompt, values), self._files(files))

    def _files(self, files: Mapping[str, int]) -> tuple[str, ...]:
        wanted = {name: requirement for name, requirement in self.requirements.items() if requirement.type == "file"}
        if not set(files) <= set(wanted):
            raise VariableWrong("The preset takes no file of this name: its requirements list them.")
        for name, requirement in wanted.items():
            if requirement.required and not files.get(name):
                raise VariableWrong(f"`{name}` is missing: the preset needs a picture there.", field=name)
            if not requirement.multiple and files.get(name, 0) > 1:
                raise VariableWrong(f"`{name}` must be a single picture.", field=name)
        return tuple(name for name in wanted if files.get(name))

    def _value(self, name: str, variables: Mapping[str, Any]) -> str:
        requirement, value = self.requirements[name], variables.get(name)
        if value is None:
            value = requirement.default
        if value is None and not requirement.required:
            return ""
        if value is None:
            raise VariableWrong(f"`{name}` is missing: the preset needs a value for it.", field=name)
        if wrong := requirement.wrong(value):
            raise VariableWrong(f"`{name}` {wrong}.", field=name)
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _filled(text: str, values: Mapping[str, str]) -> str:
    """In one pass: braces in a value stay braces. What an absent value would leave between commas goes first."""
    if "" in values.values():
        text = VARIABLE.sub(lambda match: match[0] if values[match[1]] else "", text)
        text = re.sub(r"\s*,(\s*,)+", ",", re.sub(r"  +", " ", text)).strip(" ,")
    return VARIABLE.sub(lambda match: values[match[1]], text)
