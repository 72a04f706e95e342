"""Image prompts in a tick: what the rows that have some see of them, by their own scales; the others see nothing."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import torch

from pipelines.canvas import picture_of
from pipelines.sdxl.attention import Pictures, Shown
from pipelines.sdxl.draft import Draft, DraftImagePrompt, Row
from pipelines.sdxl.ip_adapter import IpAdapter
from pipelines.sdxl.model import SdxlModel
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
        shown = adapter.show([picture_of(image).convert("RGB") for image in prompt.images])
        positive, negative = (_placed(each, model) for each in shown)
        prompts.append(DraftImagePrompt(positive, negative, prompt.scale, prompt.start, prompt.end))
    return tuple(prompts)


def _placed(shown: Shown, model: SdxlModel) -> Shown:
    return Shown(*(each.to(model.device, model.dtype) for each in shown))


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
