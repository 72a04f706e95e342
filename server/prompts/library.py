"""The data files, ours and the operator's, as one content that is swapped whole or not at all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, RootModel

from pipelines.errors import CatalogInvalid
from pipelines.yaml_file import read
from server.errors import EntryUnknown
from server.prompts.forms import Enhancement, File, Persona, Style, Vocabulary
from server.prompts.places import Platform, Template
from server.prompts.presets import Preset
from server.prompts.words import key_of

OURS = Path(__file__).with_name("data")
REFERENCES = (  # a file, its field, and the file whose ids it names
    ("personas", "style", "styles"),
    ("templates", "style", "styles"),
    ("templates", "platform", "formats"),
    ("presets", "style", "styles"),
    ("presets", "template", "templates"),
)
Form = TypeVar("Form", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Content:
    """Everything by id, in the order of the files, the operator's additions last."""

    enhancement: Mapping[str, Enhancement]
    styles: Mapping[str, Style]
    vocabularies: Mapping[str, Vocabulary]
    formats: Mapping[str, Platform]
    templates: Mapping[str, Template]
    personas: Mapping[str, Persona]
    presets: Mapping[str, Preset]

    def style(self, name: str) -> Style:
        return _found(self.styles, name, "styles", "style")

    def term(self, vocabulary: str, name: str) -> str:
        """The words of a term, such as ("lighting", "golden_hour")."""
        return _found(self.vocabularies[vocabulary].terms, name, "styles", vocabulary)

    def enhancement_template(self, name: str) -> Enhancement:
        return _found(self.enhancement, name, "templates", "template")

    def template(self, name: str) -> Template:
        return _found(self.templates, name, "templates", "social_template")

    def persona(self, name: str | None) -> Persona:
        """Of that name; the one called default where none is named."""
        return _found(self.personas, name or "default", "personas", "persona")

    def preset(self, name: str) -> Preset:
        return _found(self.presets, name, "presets", "preset")

    def platform_id(self, name: str) -> str:
        """By its id or one of its aliases."""
        key = key_of(name)
        for platform_id, platform in self.formats.items():
            if key == platform_id or key in platform.aliases:
                return platform_id
        raise EntryUnknown("formats", "platform")

    def platform(self, name: str) -> Platform:
        return self.formats[self.platform_id(name)]


class Library:
    """The content in force. folder: where the operator's own files lie, of the same names as ours, if there are any.

    An entry there takes the place of ours of that id, or is added; of vocabularies, single terms are.
    """

    def __init__(self, folder: Path) -> None:
        """Raises CatalogInvalid, whose sentence names file, line and field."""
        self._folder = folder
        self.now = self._read()

    def reload(self) -> None:
        """Read all files again. Raises CatalogInvalid; then everything stays as it was."""
        self.now = self._read()

    def _read(self) -> Content:
        ours, own = self._both("vocabularies", Vocabulary)
        content = Content(
            enhancement=self._merged("enhancement", Enhancement),
            styles=self._merged("styles", Style),
            vocabularies=ours | {name: one.over(ours[name]) if name in ours else one for name, one in own.items()},
            formats=self._merged("formats", Platform),
            templates=self._merged("templates", Template),
            personas=self._merged("personas", Persona),
            presets=self._merged("presets", Preset),
        )
        for loose in _loose_ends(content):
            raise CatalogInvalid(f"{loose.file}.yaml: {loose.field}: there is no such entry.", field=loose.field)
        return content

    def _both(self, name: str, form: type[Form]) -> tuple[dict[str, Form], dict[str, Form]]:
        own = self._folder / f"{name}.yaml"
        return _entries(OURS / own.name, form), _entries(own, form) if own.exists() else {}

    def _merged(self, name: str, form: type[Form]) -> dict[str, Form]:
        ours, own = self._both(name, form)
        return ours | own


class Loose(NamedTuple):
    """A field that names what is not there."""

    file: str
    field: str


def _entries(path: Path, form: type[Form]) -> dict[str, Form]:
    listing: Any = RootModel[File[form]]  # type: ignore[valid-type]  # made at run time, from one form of several
    entries: dict[str, Form] = read(path, listing).root
    return entries


def _found(entries: Mapping[str, Any], name: str, kind: str, field: str) -> Any:
    entry = entries.get(key_of(name))
    if entry is None:
        raise EntryUnknown(kind, field)
    return entry


def _loose_ends(content: Content) -> Iterator[Loose]:
    for file, field, kind in REFERENCES:
        known = getattr(content, kind)
        for name, entry in getattr(content, file).items():
            if getattr(entry, field) is not None and getattr(entry, field) not in known:
                yield Loose(file, f"{name}.{field}")
    for name, enhancement in content.enhancement.items():
        for place, choice in enumerate(enhancement.choices):
            vocabulary = content.vocabularies.get(choice.vocabulary)
            if vocabulary is None or not set(choice.terms) <= vocabulary.terms.keys():
                yield Loose("enhancement", f"{name}.choices.{place}")
