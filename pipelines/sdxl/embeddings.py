"""Textual inversion: words that a file brings, each a few vectors for both text encoders (Gal et al., 2022, arXiv
2208.01618). In a prompt such a word stands for its vectors, wherever it stands as a whole word.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

from pipelines.catalog import Catalog, Model
from pipelines.errors import WeightsRefused
from pipelines.headers import read_header
from pipelines.weights import inside, verify_sha256


@dataclass(frozen=True, eq=False, slots=True)
class Embedding:
    """vectors: (count, width) for the first text encoder and for the second, in the place of as many tokens.

    Equal only to itself: another file, or the same one read anew after a change, is another embedding.
    """

    id: str
    vectors: tuple[Tensor, Tensor]


Words = Mapping[str, Embedding]  # by what stands for it in a prompt


class Embeddings:
    """Those of the catalogue, as it is at the moment; each file is read when a prompt first has its word."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._read: dict[str, tuple[str, Embedding]] = {}  # by id, with what the entry's content was

    def in_prompt(self, prompt: str) -> Words:
        """The words of the prompt that are embeddings: their ids, and the names of their files.

        Raises WeightsRefused where a file is no embedding for SDXL.
        """
        entries = [entry for entry in self._catalog.models if entry.kind == "embedding"]
        return {
            word: self._of(entry)
            for entry in entries
            for word in sorted({entry.stem, entry.id})
            if _pattern([word]).search(prompt) and self._catalog.is_installed(entry)
        }

    def _of(self, entry: Model) -> Embedding:
        content, embedding = self._read.get(entry.id, (None, None))
        if embedding is None or content != entry.content:
            file = inside(self._catalog.folder(entry), entry.files[0].path)
            if entry.files[0].sha256:
                verify_sha256(file, entry.files[0].sha256)
            embedding = Embedding(entry.id, read_embedding(file))
            self._read[entry.id] = entry.content, embedding
        return embedding


def read_embedding(file: Path) -> tuple[Tensor, Tensor]:
    """The vectors for both text encoders, which the file calls clip_l and clip_g. Raises WeightsRefused."""
    if read_header(file).kind != "embedding":
        raise WeightsRefused(f"The model's file {file.name} is no embedding for SDXL.")
    tensors = load_file(file)
    return tensors["clip_l"], tensors["clip_g"]


def split(text: str, words: Words) -> Iterator[str | Embedding]:
    """The text in its order, with the embeddings where their words stand; the longest word that fits is meant."""
    longest_first = sorted(words, key=len, reverse=True)
    end = 0
    for match in _pattern(longest_first).finditer(text) if words else ():
        yield text[end : match.start()]
        yield words[longest_first[(match.lastindex or 1) - 1]]
        end = match.end()
    yield text[end:]


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    """A group for each word, which tells which of them was found: small and capital letters are the same."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(f'({re.escape(word)})' for word in words)})(?!\w)", re.IGNORECASE)


@contextmanager
def in_place(layer: nn.Module, vectors: Sequence[Mapping[int, Tensor]]) -> Iterator[None]:
    """Meanwhile `layer`, which makes vectors of token ids, gives these for row i at the positions of vectors[i]."""

    def put(_: nn.Module, __: Any, answer: Tensor) -> Tensor:
        answer = answer.clone()
        for row, by_position in enumerate(vectors):
            for position, vector in by_position.items():
                answer[row, position] = vector.to(answer)
        return answer

    if not any(vectors):
        yield
        return
    hook = layer.register_forward_hook(put)
    try:
        yield
    finally:
        hook.remove()
