"""Prompts to conditioning: both CLIP encoders of SDXL, in chunks of 75 tokens so that long prompts are read whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pipelines.sdxl.emphasis import pieces

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

    def read(self, prompts: Sequence[str]) -> list[Conditioning]:
        """The conditioning of each prompt; all chunks of all prompts go through the encoders in one batch.

        A token's weight multiplies its embedding; the pooled vector knows no weights.
        """
        first = [chunks(prompt, self.tokenizer) for prompt in prompts]
        second = [chunks(prompt, self.tokenizer_2) for prompt in prompts]
        device = self.text_encoder.device
        hidden = self.text_encoder(_ids(first, device), output_hidden_states=True).hidden_states[-2]
        output_2 = self.text_encoder_2(_ids(second, device), output_hidden_states=True)
        weights = torch.tensor([chunk.weights for parts in first for chunk in parts], dtype=hidden.dtype)
        embeddings = torch.cat([hidden, output_2.hidden_states[-2]], dim=-1) * weights.to(device)[..., None]
        counts = [len(parts) for parts in first]
        starts = [sum(counts[:index]) for index in range(len(counts))]
        return [
            Conditioning(embeddings[start : start + count].flatten(0, 1), output_2.text_embeds[start])
            for start, count in zip(starts, counts, strict=True)
        ]


class Chunk(NamedTuple):
    """77 token ids: start, at most 75 of text, end, padding; and what each of them weighs."""

    ids: list[int]
    weights: list[float]


def chunks(prompt: str, tokenizer: CLIPTokenizer) -> list[Chunk]:
    """The prompt's tokens in as many chunks as they need, with the weights of `emphasis`; an empty prompt is one."""
    tokens = [
        (token, piece.weight)
        for piece in pieces(prompt)
        for token in tokenizer(piece.text, add_special_tokens=False, verbose=False).input_ids
    ]
    parts = [tokens[start : start + CHUNK] for start in range(0, len(tokens), CHUNK)] or [[]]
    return [_chunk(part, tokenizer) for part in parts]


def _chunk(part: Sequence[tuple[int, float]], tokenizer: CLIPTokenizer) -> Chunk:
    room = CHUNK - len(part)
    ids = [tokenizer.bos_token_id, *(token for token, _ in part), tokenizer.eos_token_id]
    return Chunk(ids + [tokenizer.pad_token_id] * room, [1.0, *(weight for _, weight in part)] + [1.0] * (room + 1))


def _ids(prompts: Sequence[Sequence[Chunk]], device: torch.device) -> Tensor:
    return torch.tensor([chunk.ids for parts in prompts for chunk in parts], device=device)


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
