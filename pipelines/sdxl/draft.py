"""A Draft: one picture while it is being drawn, and everything that a tick must know about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipelines.sdxl.attention import Shown
from pipelines.sdxl.prompts import Conditioning
from pipelines.sdxl.samplers import Schedule, Step


@dataclass(frozen=True, slots=True)
class Original:
    """What an inpainted draft is held to outside its mask, at the noise level of each step.

    latent, noise: (channels, height / 8, width / 8); mask: (1, height / 8, width / 8), 1 where it is drawn anew.
    """

    latent: Tensor
    noise: Tensor
    mask: Tensor

    def blended(self, drawn: Tensor, sigma: float) -> Tensor:
        return self.mask * drawn + (1 - self.mask) * (self.latent + sigma * self.noise)


@dataclass(frozen=True, slots=True)
class Guidance:
    """Classifier-free guidance of one draft; the fields are those of `pipelines.tasks.Drawing`.

    image_scale: of an Edit, whose guidance has two directions, None of all others.
    """

    scale: float
    rescale: float
    begin: float
    end: float
    image_scale: float | None = None

    @property
    def weights(self) -> tuple[float, ...]:
        """Of the answers to prompt and negative prompt; of an Edit, to those with its image and to neither.

        The sum is n + s (p - n) or, by Brooks et al. (2023, arXiv 2211.09800, equation 3), o + i (n - o) + s (p - n).
        """
        if self.image_scale is None:
            return self.scale, 1 - self.scale
        return self.scale, self.image_scale - self.scale, 1 - self.image_scale

    def applies(self, step: int, steps: int) -> bool:
        return self.begin <= step / steps < self.end


@dataclass(frozen=True, slots=True)
class DraftControl:
    """A ControlNet that one draft follows; the other fields are those of `pipelines.tasks.Control`.

    name: the ControlNet's id. hint: (3, height, width) from 0 to 1, the control picture.
    """

    name: str
    net: nn.Module
    hint: Tensor
    weight: float
    start: float
    end: float
    mode: str


@dataclass(frozen=True, slots=True)
class DraftImagePrompt:
    """What one draft sees of an image prompt; the other fields are those of `pipelines.tasks.ImagePrompt`.

    positive: of its pictures; negative: of as many that are none, for its negative row. added: see `ip_adapter.Seen`.
    """

    positive: Shown
    negative: Shown
    scale: float
    start: float
    end: float
    added: Callable[[Tensor], Tensor] | None = None


Told = tuple[Conditioning, ...]  # one for each step


def is_within(part: DraftControl | DraftImagePrompt, step: int, steps: int) -> bool:
    """Whether the whole of the step lies inside, as diffusers decides it for ControlNets."""
    return part.start <= step / steps and (step + 1) / steps <= part.end


class Row(NamedTuple):
    """One sample of a forward pass. draft: the index of its draft in the tick; told: what the UNet is told with it.

    seen: what it sees beside the latent, see `Draft`. weight: in the sum that is the draft's answer. branch: 0 is that
    of the prompt, later ones are what is to be kept away from.
    """

    draft: int
    told: Conditioning
    seen: Tensor | None
    weight: float = 1.0
    branch: int = 0


@dataclass(slots=True)
class Draft:
    """Owns one row of a tick, or as many as guidance has weights while it is guided (then `negative` is there).

    latent: (channels, height / 8, width / 8) in float32, and so are before, earlier and anchor (see `solvers`).
    positive, negative: what the UNet is told at each step, by prompt and negative prompt; mostly one and the same.
    generator: of all its noise, on the CPU, so that neither the device nor the neighbours matter.
    time_ids: SDXL's size conditioning, the original height and width, the crop's top and left, the target's height
    and width (arXiv 2307.01952, section 2.2). seen: what an inpaint UNet sees beside the latent, (5, height / 8,
    width / 8), its mask and the latent of the picture without the masked part; or what an edit UNet sees, (4, height /
    8, width / 8), the latent of its picture, not scaled.
    """

    job_id: str
    seed: int
    table: Schedule
    guidance: Guidance
    positive: Told
    negative: Told | None
    time_ids: tuple[int, int, int, int, int, int]
    latent: Tensor
    before: Tensor
    earlier: Tensor
    anchor: Tensor
    generator: torch.Generator
    original: Original | None = None
    seen: Tensor | None = None
    controls: tuple[DraftControl, ...] = ()
    image_prompts: tuple[DraftImagePrompt, ...] = ()
    step: int = 0

    @property
    def steps(self) -> int:
        return len(self.table.steps)

    @property
    def line(self) -> Step:
        return self.table.steps[self.step]

    @property
    def is_done(self) -> bool:
        return self.step == self.steps

    @property
    def is_guided(self) -> bool:
        """In the next tick."""
        return self.negative is not None and self.guidance.applies(self.step, self.steps)

    @property
    def rows(self) -> int:
        return len(self.guidance.weights) if self.is_guided else 1

    def samples(self, index: int) -> list[Row]:
        """Its rows of the next tick, in which it has that index."""
        if not self.is_guided or self.negative is None:
            return [Row(index, self.positive[self.step], self.seen)]
        blind = None if self.seen is None else torch.zeros_like(self.seen)
        positive, negative = self.positive[self.step], self.negative[self.step]
        shown = ((positive, self.seen), (negative, self.seen), (negative, blind))
        rows = enumerate(zip(shown, self.guidance.weights, strict=False))
        return [Row(index, told, seen, weight, branch) for branch, ((told, seen), weight) in rows]

    @property
    def applied(self) -> list[DraftControl]:
        """In the next tick; one without weight would add nothing."""
        return [each for each in self.controls if each.weight and is_within(each, self.step, self.steps)]

    @property
    def looked_at(self) -> list[DraftImagePrompt]:
        """In the next tick."""
        return [each for each in self.image_prompts if each.scale and is_within(each, self.step, self.steps)]

    @property
    def numbers(self) -> int:
        return self.latent.numel()
