"""IP-Adapter: reference pictures to what the UNet's cross attentions see of them (Ye et al., 2023, arXiv 2308.06721).

That does not change from step to step, so it is computed once, when a task is admitted; no tick needs the adapter.
SDXL hears of a prompt by its pooled vector too, which published adapters leave alone; one may bring what adds to it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
from diffusers.models.embeddings import ImageProjection
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPImageProcessor

from pipelines.sdxl.attention import Shown


class Pooled(nn.Module):
    """What pictures add to a prompt's pooled vector: two layers, which see the one and hear the other."""

    def __init__(self, embedding: int, hidden: int, width: int) -> None:
        super().__init__()
        self.seen, self.heard = nn.Linear(embedding, hidden), nn.Linear(width, hidden, bias=False)
        self.added = nn.Linear(hidden, width)

    def forward(self, embedded: Tensor, pooled: Tensor) -> Tensor:
        """(..., width), of (..., embedding) of a picture and (..., width) of a prompt."""
        added: Tensor = self.added(nn.functional.gelu(self.seen(embedded) + self.heard(pooled)))
        return added


class Seen(NamedTuple):
    """positive: of pictures; negative: of as many that are none, for negative rows.

    added: from a pooled vector, (width,), to what is added to it; None where the adapter leaves it alone.
    """

    positive: Shown
    negative: Shown
    added: Callable[[Tensor], Tensor] | None


class IpAdapter(nn.Module):
    """encoder: CLIP's vision model. projection: diffusers' ImageProjection, which reads the picture's one embedding, or
    IPAdapterPlusImageProjection, which reads the encoder's second-last states; it gives the tokens of a picture.

    keys, values: of a token for all cross attentions, side by side; widths: of each. pooled: reads a picture's one
    embedding too.
    """

    def __init__(
        self,
        encoder: Any,
        projection: nn.Module,
        keys: nn.Linear,
        values: nn.Linear,
        widths: list[int],
        pooled: Pooled | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.projection, self.keys, self.values, self.widths = encoder, projection, keys, values, widths
        self.pooled = pooled
        side = encoder.config.image_size
        self._processor = CLIPImageProcessor(size=side, crop_size=side)

    def pixels_of(self, images: Sequence[Image.Image]) -> Tensor:
        """(pictures, 3, side, side) as CLIP sees RGB pictures: the middle square of each."""
        pixels: Tensor = self._processor(images=list(images), return_tensors="pt")["pixel_values"]
        return pixels.to(self.keys.weight.device, self.keys.weight.dtype)

    def embedded(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """What the projection reads of each picture, and what it reads for no picture, in the same shape."""
        if isinstance(self.projection, ImageProjection):
            embeddings: Tensor = self.encoder(pixels).image_embeds
            return embeddings, torch.zeros_like(embeddings)
        return self._states(pixels), self._states(torch.zeros_like(pixels))

    def _states(self, pixels: Tensor) -> Tensor:
        states: Tensor = self.encoder(pixels, output_hidden_states=True).hidden_states[-2]
        return states

    def shown(self, embedded: Tensor) -> Shown:
        """(pictures, tokens, all widths) each."""
        tokens = self.projection(embedded)
        return Shown(self.keys(tokens), self.values(tokens))

    @torch.inference_mode()
    def show(self, images: Sequence[Image.Image]) -> Seen:
        """What is seen of the pictures: their tokens side by side, and the mean of what they add."""
        pictures, nothing = self.embedded(self.pixels_of(images))
        positive, negative = (Shown(*(each.flatten(0, 1) for each in self.shown(some))) for some in (pictures, nothing))
        return Seen(positive, negative, None if self.pooled is None else partial(_added, self.pooled, pictures))


def _added(layers: Pooled, pictures: Tensor, pooled: Tensor) -> Tensor:
    heard = pooled.to(pictures)
    added: Tensor = layers(pictures, heard.expand(len(pictures), -1)).mean(0).to(pooled)
    return added
