"""Prompts to conditioning: both CLIP encoders of SDXL, in chunks of 75 tokens so that long prompts are read whole."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

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
        """The conditioning of each prompt; all chunks of all prompts go through the encoders in one batch."""
        first = [chunks(prompt, self.tokenizer) for prompt in prompts]
        second = [chunks(prompt, self.tokenizer_2) for prompt in prompts]
        device = self.text_encoder.device
        hidden = self.text_encoder(_ids(first, device), output_hidden_states=True).hidden_states[-2]
        output_2 = self.text_encoder_2(_ids(second, device), output_hidden_states=True)
        embeddings = torch.cat([hidden, output_2.hidden_states[-2]], dim=-1)
        counts = [len(parts) for parts in first]
        starts = [sum(counts[:index]) for index in range(len(counts))]
        return [
            Conditioning(embeddings[start : start + count].flatten(0, 1), output_2.text_embeds[start])
            for start, count in zip(starts, counts, strict=True)
        ]


def chunks(prompt: str, tokenizer: CLIPTokenizer) -> list[list[int]]:
    """The prompt's token ids in lists of 77: start, at most 75 of text, end, padding. An empty prompt is one chunk."""
    ids = tokenizer(prompt, add_special_tokens=False, verbose=False).input_ids
    parts = [ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK)] or [[]]
    start, end, padding = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    return [[start, *part, end] + [padding] * (CHUNK - len(part)) for part in parts]


def _ids(prompts: Sequence[Sequence[list[int]]], device: torch.device) -> Tensor:
    return torch.tensor([chunk for parts in prompts for chunk in parts], device=device)


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
