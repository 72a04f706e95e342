"""What a caller chooses by name, style, light, camera, art, persona, template, as words beside the prompt."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from server.prompts.forms import Persona, Style
from server.prompts.library import Content
from server.prompts.places import Template

VOCABULARIES = ("artistic", "lighting", "camera")  # those that APIs let callers choose from


@dataclass(frozen=True, slots=True)
class Looks:
    """Names of entries, None for what is not chosen.

    A style of one's own takes the place of the template's, and that of the persona's.
    """

    style: str | None = None
    artistic: str | None = None
    lighting: str | None = None
    camera: str | None = None
    social_template: str | None = None
    persona: str | None = None


class Words(NamedTuple):
    """What goes behind the prompt and behind the negative prompt."""

    prompt: tuple[str, ...]
    negative: tuple[str, ...]


def words_for(looks: Looks, content: Content) -> Words:
    """The words of all that was chosen. Raises EntryUnknown, which blames the field."""
    entries = list(_entries(looks, content))
    chosen = [(vocabulary, getattr(looks, vocabulary)) for vocabulary in VOCABULARIES]
    terms = [content.term(vocabulary, name) for vocabulary, name in chosen if name is not None]
    words = [*(word for entry in entries for word in entry.words), *terms]
    return Words(tuple(words), tuple(word for entry in entries for word in entry.negative))


def _entries(looks: Looks, content: Content) -> Iterator[Style | Template | Persona]:
    template = content.template(looks.social_template) if looks.social_template is not None else None
    persona = content.persona(looks.persona) if looks.persona is not None else None
    style = looks.style or (template and template.style) or (persona and persona.style)
    if style:
        yield content.style(style)
    if template is not None:
        yield template
    if persona is not None:
        yield persona
