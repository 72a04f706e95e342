"""What the data files may say: styles, vocabularies, enhancement templates, personas. A bound on everything."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Addition = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f<>{}]*$")]
Many = Annotated[tuple[Item, ...], Field(strict=False, max_length=64)]
File = Annotated[dict[Id, Item], Field(max_length=1000)]


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Worded(Entry):
    """What is added to a prompt, and to its negative prompt, in the order of writing."""

    name: Line
    description: Line
    words: Many[Addition] = ()
    negative: Many[Addition] = ()


class Style(Worded):
    """A style preset."""


class Persona(Worded):
    """How a brand or a person looks in every picture. style: the style preset that goes with it."""

    style: Id | None = None


class Vocabulary(Entry):
    """Words of one kind, by ids. signs: words that show that a prompt has said something of this kind already."""

    description: Line
    signs: Many[Addition] = ()
    terms: Annotated[dict[Id, Addition], Field(min_length=1, max_length=500)]

    def over(self, other: "Vocabulary") -> "Vocabulary":
        """This one with what only the other says."""
        signs = (*self.signs, *(sign for sign in other.signs if sign not in self.signs))
        return Vocabulary(description=self.description, signs=signs[:64], terms=other.terms | self.terms)


class Choice(Entry):
    """One term of a vocabulary, out of those that fit."""

    vocabulary: Id
    terms: Annotated[tuple[Id, ...], Field(strict=False, min_length=1, max_length=64)]


class Enhancement(Worded):
    """A template of the enhancer: `words` are always added, then one of each choice.

    best_for: what it is meant for. guide: what a language model is told to do with the prompt.
    """

    best_for: Line
    guide: Annotated[str, Field(min_length=1, max_length=600)]
    choices: Many[Choice] = ()
