"""Cross attention of the UNet that looks at pictures too, beside the prompt (IP-Adapter: Ye et al., 2023,
arXiv 2308.06721, section 3.2). Where there are none it is the plain one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

scaled_dot_product_attention = torch.nn.functional.scaled_dot_product_attention


class Shown(NamedTuple):
    """What cross attentions see of pictures. keys, values: (tokens, the widths of all of them side by side)."""

    keys: Tensor
    values: Tensor


class Pictures(NamedTuple):
    """The same for the rows of a pass. keys, values: (rows, tokens, all widths); scale: (rows,), 0 for none."""

    keys: Tensor
    values: Tensor
    scale: Tensor


class PictureAttention:
    """attention(q, text) + scale * attention(q, pictures) for each of the pictures that the rows are given.

    plain: how it is computed where there are none. start: of this layer's part of the pictures' keys and values.
    """

    def __init__(self, plain: Any, start: int) -> None:
        self.plain, self._start = plain, start

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        ip_hidden_states: Sequence[Pictures] | None = None,
    ) -> Tensor:
        """The names are diffusers'. hidden_states: (rows, positions, width)."""
        if ip_hidden_states is None:
            plainly: Tensor = self.plain(attn, hidden_states, encoder_hidden_states, attention_mask)
            return plainly
        rows, tokens, _ = encoder_hidden_states.shape
        query, key, value = attn.to_q(hidden_states), attn.to_k(encoder_hidden_states), attn.to_v(encoder_hidden_states)
        if attention_mask is not None:
            attention_mask = attn.prepare_attention_mask(attention_mask, tokens, rows)
            attention_mask = attention_mask.view(rows, attn.heads, -1, tokens)
        query = _heads(query, attn.heads)
        seen = scaled_dot_product_attention(
            query, _heads(key, attn.heads), _heads(value, attn.heads), attn_mask=attention_mask
        )
        own = slice(self._start, self._start + key.shape[-1])
        for keys, values, scale in ip_hidden_states:
            key, value = _heads(keys[..., own], attn.heads), _heads(values[..., own], attn.heads)
            seen = seen + scale[:, None, None, None] * scaled_dot_product_attention(query, key, value)
        answer: Tensor = attn.to_out[0](seen.transpose(1, 2).flatten(2))
        return answer


def _heads(states: Tensor, heads: int) -> Tensor:
    """(rows, positions, width) to (rows, heads, positions, width / heads)."""
    return states.unflatten(2, (heads, -1)).transpose(1, 2)


def cross_attentions(unet: Any) -> list[Any]:
    """Of the UNet, in the order in which IP-Adapters number them: encoder, decoder, middle block."""
    places = [name.removesuffix(".processor") for name in unet.attn_processors]
    return [unet.get_submodule(place) for place in places if place.endswith(".attn2")]


def widths(unet: Any) -> list[int]:
    """Of its cross attentions."""
    return [attention.to_q.out_features for attention in cross_attentions(unet)]


def let_look(unet: Any) -> None:
    """From now on its cross attentions look at pictures where rows have some. Done twice it is done once."""
    start = 0
    for attention, width in zip(cross_attentions(unet), widths(unet), strict=True):
        if not isinstance(attention.processor, PictureAttention):
            attention.set_processor(PictureAttention(attention.processor, start))
        start += width
