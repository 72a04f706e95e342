"""Enhancing without a model: words that the template always adds, and terms that fit it, picked by the seed."""

from random import Random

from server.prompts.forms import Enhancement, Vocabulary
from server.prompts.library import Content
from server.prompts.words import says, words_of


def additions(prompt: str, template: Enhancement, content: Content, seed: int) -> tuple[str, ...]:
    """What to add to the prompt, the same for the same seed. Where the prompt has spoken, its word stands."""
    dice = Random(f"{seed} {template.name} {prompt}")
    said = words_of(prompt)
    found = list(template.words)
    for choice in template.choices:
        vocabulary = content.vocabularies[choice.vocabulary]
        term = dice.choice(choice.terms)  # rolled in any case: what one kind finds said changes no other
        if not decided(vocabulary, said):
            found.append(vocabulary.terms[term])
    return tuple(found)


def decided(vocabulary: Vocabulary, said: tuple[str, ...]) -> bool:
    """Whether these words say something of this kind already."""
    return any(says(said, words_of(words)) for words in (*vocabulary.signs, *vocabulary.terms.values()))
