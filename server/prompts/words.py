"""Texts made comparable: the same word, however it is spelled in Unicode, in capitals or between brackets."""

import re
import unicodedata
from collections.abc import Callable, Iterable

WORD = re.compile(r"\w+")
WEIGHT = re.compile(r":\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)\s*\)")  # of emphasis: `(word:1.3)`


def folded(text: str) -> str:
    """Compatibility forms as one (NFKC), case folded, without marks that do not show (category Cf)."""
    once = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in unicodedata.normalize("NFKC", once) if unicodedata.category(letter) != "Cf")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, folded, without the numbers that only weigh them."""
    return tuple(WORD.findall(WEIGHT.sub(")", folded(text))))


def says(words: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    """Whether all words of the phrase stand in `words`, side by side and in its order."""
    size = len(phrase)
    return any(words[start : start + size] == phrase for start in range(len(words) - size + 1))


def key_of(name: str) -> str:
    """A name as people write it to the id that it stands for: "Golden Hour" and "golden-hour" are golden_hour."""
    return folded(name).strip().replace(" ", "_").replace("-", "_")


def added(text: str, additions: Iterable[str], limit: int, allowed: Callable[[str], bool]) -> str:
    """The text with what it does not say yet behind it, unchanged itself; what is too long or not allowed stays out."""
    words = words_of(text)
    for addition in additions:
        more, longer = words_of(addition), _joined(text.rstrip(), addition)
        if len(longer) <= limit and not says(words, more) and allowed(longer):
            text, words = longer, words + more
    return text


def _joined(text: str, addition: str) -> str:
    if not text:
        return addition
    return f"{text} {addition}" if text[-1] in ",.;:!?" else f"{text}, {addition}"
