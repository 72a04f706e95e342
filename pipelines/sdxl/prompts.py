"""Prompts to conditioning: both CLIP encoders of SDXL, in chunks of 75 tokens so that long prompts are read whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pipelines.sdxl.embeddings import Embedding, Words, in_place, split
from pipelines.sdxl.emphasis import pieces

NO_WORDS: Words = MappingProxyType({})
CHUNK = 75  # tokens of text between the start and the end token; CLIP reads 77


@dataclass(frozen=True, slots=True)
class Conditioning:
    """What the UNet is told of one prompt.

    embeddings: (77 * chunks, dim of both encoders), their second-last hidden states side by side.
    pooled: (projection dim,), the second encoder's projected end-of-text state of the first chunk.
    (Podell et al., 2023, SDXL, arXiv 2307.01952, section 2.1 and table 1.)
    """

    embeddings: Tensor
    pooled: Tensor


@dataclass(frozen=True, slots=True)
class TextEncoders:
    """The four parts that read a prompt, and the device that they are on."""

    text_encoder: CLIPTextModel
    text_encoder_2: CLIPTextModelWithProjection
    tokenizer: CLIPTokenizer
    tokenizer_2: CLIPTokenizer

    def read(self, prompts: Sequence[str], clip_skip: int = 0, words: Words = NO_WORDS) -> list[Conditioning]:
        """The conditioning of each prompt; all chunks of all prompts go through the encoders in one batch.

        clip_skip: how many layers before the second-last the hidden states are taken from. words: embeddings that fit
        `widths`. A token's weight multiplies its hidden state; the pooled vector knows no weights.
        """
        first = [chunks(prompt, self.tokenizer, words, 0) for prompt in prompts]
        second = [chunks(prompt, self.tokenizer_2, words, 1) for prompt in prompts]
        hidden = _output(self.text_encoder, first).hidden_states[-2 - clip_skip]
        output_2 = _output(self.text_encoder_2, second)
        weights = torch.tensor([chunk.weights for parts in first for chunk in parts], dtype=hidden.dtype)
        embeddings = torch.cat([hidden, output_2.hidden_states[-2 - clip_skip]], dim=-1)
        embeddings = embeddings * weights.to(hidden.device)[..., None]
        counts = [len(parts) for parts in first]
        starts = [sum(counts[:index]) for index in range(len(counts))]
        return [
            Conditioning(embeddings[start : start + count].flatten(0, 1), output_2.text_embeds[start])
            for start, count in zip(starts, counts, strict=True)
        ]

    @property
    def widths(self) -> tuple[int, int]:
        """Of a token's vector, in the first text encoder and in the second."""
        return self.text_encoder.config.hidden_size, self.text_encoder_2.config.hidden_size


class Token(NamedTuple):
    """vector: what stands in the place of the id's own, which then means nothing."""

    id: int
    weight: float
    vector: Tensor | None = None


class Chunk(NamedTuple):
    """77 token ids: start, at most 75 of text, end, padding; what each of them weighs; vectors by their positions."""

    ids: list[int]
    weights: list[float]
    vectors: dict[int, Tensor]


def chunks(prompt: str, tokenizer: CLIPTokenizer, words: Words = NO_WORDS, encoder: int = 0) -> list[Chunk]:
    """The prompt's tokens in as many chunks as they need, with the weights of `emphasis`; an empty prompt is one.

    words: embeddings, of which those for `encoder`, 0 or 1, are taken. None is split between two chunks.
    """
    parts: list[list[Token]] = [[]]
    for group in _groups(prompt, tokenizer, words, encoder):
        if len(parts[-1]) + len(group) > CHUNK:
            parts.append([])
        parts[-1].extend(group)
    return [_chunk(part, tokenizer) for part in parts]


def _groups(prompt: str, tokenizer: CLIPTokenizer, words: Words, encoder: int) -> Iterator[list[Token]]:
    """The tokens that have to stay together."""
    for piece in pieces(prompt):
        for part in split(piece.text, words):
            if isinstance(part, Embedding):
                # The start token's id holds the place: encoders look for the end token's, which must come last.
                yield [Token(tokenizer.bos_token_id, piece.weight, vector) for vector in part.vectors[encoder]]
            else:
                tokens = tokenizer(part, add_special_tokens=False, verbose=False).input_ids
                yield from ([Token(token, piece.weight)] for token in tokens)


def _chunk(part: Sequence[Token], tokenizer: CLIPTokenizer) -> Chunk:
    room = CHUNK - len(part)
    return Chunk(
        ids=[tokenizer.bos_token_id, *(token.id for token in part), tokenizer.eos_token_id]
        + [tokenizer.pad_token_id] * room,
        weights=[1.0, *(token.weight for token in part)] + [1.0] * (room + 1),
        vectors={place: token.vector for place, token in enumerate(part, start=1) if token.vector is not None},
    )


def _output(encoder: Any, prompts: Sequence[Sequence[Chunk]]) -> Any:
    """What a text encoder answers to all chunks, with the states of all its layers."""
    together = [chunk for parts in prompts for chunk in parts]
    ids = torch.tensor([chunk.ids for chunk in together], device=encoder.device)
    with in_place(encoder.get_input_embeddings(), [chunk.vectors for chunk in together]):
        return encoder(ids, output_hidden_states=True)


def stack(conditionings: Sequence[Conditioning]) -> tuple[Tensor, Tensor | None, Tensor]:
    """(rows, tokens, dim) embeddings, (rows, tokens) mask or None, (rows, dim) pooled.

    Rows of fewer chunks are filled up with zeros that the mask hides, so that a row does not feel its neighbours.
    """
    pooled = torch.stack([one.pooled for one in conditionings])
    lengths = [len(one.embeddings) for one in conditionings]
    embeddings = torch.nn.utils.rnn.pad_sequence([one.embeddings for one in conditionings], batch_first=True)
    if len(set(lengths)) == 1:
        return embeddings, None, pooled
    positions = torch.arange(max(lengths), device=pooled.device)
    mask = positions < torch.tensor(lengths, device=pooled.device)[:, None]
    return embeddings, mask, pooled
