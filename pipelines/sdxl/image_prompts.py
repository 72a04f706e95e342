"""Image prompts in a tick: what the rows that have some see of them, by their own scales; the others see nothing.

Rows see by cross attention. Where an adapter adds to the pooled vector too, it does so once, before the first step.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import torch

from pipelines.canvas import picture_of
from pipelines.sdxl.attention import Pictures, Shown
from pipelines.sdxl.draft import Draft, DraftImagePrompt, Row, Told, is_within
from pipelines.sdxl.ip_adapter import IpAdapter
from pipelines.sdxl.model import SdxlModel
from pipelines.sdxl.prompts import Conditioning
from pipelines.tasks import Drawing


class ImageModels(Protocol):
    """Where the loaded models come from."""

    def ip_adapters(self, names: Sequence[str], model: SdxlModel) -> list[IpAdapter]:
        """The IP-Adapters of these ids, each fit for the model. Raises what loading raises."""
        ...


def image_prompts_of(task: Drawing, model: SdxlModel, models: ImageModels) -> tuple[DraftImagePrompt, ...]:
    """What the drafts of the task see, computed once for all their steps."""
    adapters = models.ip_adapters([prompt.model for prompt in task.image_prompts], model)
    prompts = []
    for prompt, adapter in zip(task.image_prompts, adapters, strict=True):
        seen = adapter.show([picture_of(image).convert("RGB") for image in prompt.images])
        positive, negative = (_placed(each, model) for each in (seen.positive, seen.negative))
        prompts.append(DraftImagePrompt(positive, negative, prompt.scale, prompt.start, prompt.end, seen.added))
    return tuple(prompts)


def _placed(shown: Shown, model: SdxlModel) -> Shown:
    return Shown(*(each.to(model.device, model.dtype) for each in shown))


def heard(told: Told, prompts: Sequence[DraftImagePrompt]) -> Told:
    """A prompt at each step, with what the image prompts of that step add to its pooled vector, by their scales."""
    made: dict[tuple[int, ...], Conditioning] = {}  # mostly one: neither the prompt nor who adds changes on the way
    steps = list[Conditioning]()
    for step, conditioning in enumerate(told):
        adding = [each for each in prompts if is_within(each, step, len(told))]
        key = (id(conditioning), *map(id, adding))
        if key not in made:
            made[key] = _moved(conditioning, adding)
        steps.append(made[key])
    return tuple(steps)


def _moved(conditioning: Conditioning, adding: Sequence[DraftImagePrompt]) -> Conditioning:
    """All of them hear the prompt as it is. The same object where none adds anything."""
    pooled = conditioning.pooled
    added = [each.scale * each.added(pooled) for each in adding if each.added]
    return replace(conditioning, pooled=sum(added, pooled)) if added else conditioning


def pictures(drafts: Sequence[Draft], rows: Sequence[Row]) -> tuple[Pictures, ...] | None:
    """For the UNet's `ip_hidden_states`; None where no row sees any.

    Image prompts of as many tokens are looked at together; a row with two of them has its second one in a further look.
    So the shapes, and the order of a row's sums, do not depend on the company.
    """
    together: dict[tuple[int, int], dict[int, DraftImagePrompt]] = {}
    for index, row in enumerate(rows):
        times = Counter[int]()
        for prompt in drafts[row.draft].looked_at:
            tokens = len(prompt.positive.keys)
            together.setdefault((tokens, times[tokens]), {})[index] = prompt
            times[tokens] += 1
    return tuple(_stacked(together[key], rows) for key in sorted(together)) or None


def _stacked(prompts: dict[int, DraftImagePrompt], rows: Sequence[Row]) -> Pictures:
    """prompts: by the index of their row."""
    some = next(iter(prompts.values())).positive
    keys, values = (each.new_zeros(len(rows), *each.shape) for each in some)
    scale = torch.zeros(len(rows))
    for index, prompt in prompts.items():
        shown = prompt.positive if rows[index].branch == 0 else prompt.negative
        keys[index], values[index], scale[index] = shown.keys, shown.values, prompt.scale
    return Pictures(keys, values, scale.to(keys))
