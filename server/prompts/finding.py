"""Which templates suit: by platform and category, by words, by what they are to be used for."""

from collections.abc import Mapping

from server.prompts.library import Content
from server.prompts.places import Template
from server.prompts.words import key_of, words_of

Templates = Mapping[str, Template]
COMMON = frozenset("a an and for in of on or post the to with".split())
USE, NAME, REST = 4, 2, 1  # what a word in common counts, by where it stands


def of_kind(content: Content, platform: str | None = None, category: str | None = None) -> Templates:
    """Those of a platform and a category, all where none is named; raises EntryUnknown for a strange platform."""
    wanted = content.platform_id(platform) if platform is not None else None
    return {
        name: template
        for name, template in content.templates.items()
        if wanted in (None, template.platform) and (category is None or template.category == key_of(category))
    }


def searched(templates: Templates, query: str) -> Templates:
    """Those in which every word of the query stands, or begins a word."""
    words = words_of(query.replace("_", " "))
    return {
        name: template
        for name, template in templates.items()
        if all(any(there.startswith(word) for there in _texts(name, template)) for word in words)
    }


def recommended(templates: Templates, use_case: str) -> Templates:
    """Those with words of the use case, the most telling first; none where no word is known."""
    words = _stems(words_of(use_case)) - COMMON
    scores = {name: _score(name, template, words) for name, template in templates.items()}
    best = sorted((name for name in templates if scores[name]), key=lambda name: -scores[name])
    return {name: templates[name] for name in best}


def _score(name: str, template: Template, words: set[str]) -> int:
    uses, named = _stems(words_of(" ".join(template.use_cases))), _stems(words_of(template.name))
    rest = _stems(_texts(name, template))
    return sum(USE if word in uses else NAME if word in named else REST for word in words if word in rest)


def _texts(name: str, template: Template) -> tuple[str, ...]:
    texts = (name, template.name, template.category, template.platform or "", template.description, template.label)
    return words_of(" ".join([*texts, *template.use_cases]).replace("_", " "))


def _stems(words: tuple[str, ...]) -> set[str]:
    """The words without the s of the plural."""
    return {word.removesuffix("s") if len(word) > 3 else word for word in words}
