"""ControlNets in a tick: what they add to the UNet's encoder for the rows that they steer (arXiv 2302.05543).

One pass answers all rows of a ControlNet, whichever drafts they are of. The other rows are added zeros.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pipelines.annotators import ANNOTATORS
from pipelines.canvas import Canvas, followed
from pipelines.engine.pipeline import Pad
from pipelines.sdxl.draft import Draft, DraftControl, Row
from pipelines.sdxl.model import Inputs, SdxlModel
from pipelines.tasks import Control, Drawing

PROMPT_DECAY = 0.825  # from layer to layer, as in ControlNet's own code and in AUTOMATIC1111's extension


class ControlModels(Protocol):
    """Where the loaded models come from. Both raise what loading raises."""

    def controlnets(self, names: Sequence[str], model: SdxlModel) -> list[nn.Module]:
        """The ControlNets of these ids, each fit for the model."""
        ...

    def depth(self, image: Image.Image) -> Image.Image:
        """The depth map of a picture, near is bright."""
        ...


def controls_of(task: Drawing, canvas: Canvas, model: SdxlModel, models: ControlModels) -> tuple[DraftControl, ...]:
    """What the drafts of the task follow, with the control pictures that the annotators make."""
    nets = models.controlnets([control.model for control in task.controls], model)
    annotators = {**ANNOTATORS, "depth": models.depth}
    controls = []
    for control, net in zip(task.controls, nets, strict=True):
        picture = annotators[control.annotator](followed(control, task, canvas))
        controls.append(_draft_control(control, net, hint_of(picture, model)))
    return tuple(controls)


def hint_of(picture: Image.Image, model: SdxlModel) -> Tensor:
    """(3, height, width) from 0 to 1, as ControlNets see a picture, on the model's device in its dtype."""
    levels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    return (levels.float() / 255).to(model.device, model.dtype)


def _draft_control(control: Control, net: nn.Module, hint: Tensor) -> DraftControl:
    return DraftControl(control.model, net, hint, control.weight, control.start, control.end, control.mode)


def layer_weights(mode: str, layers: int) -> list[float]:
    """What each residual is multiplied by, from the UNet's first layer to its middle block, the last of `layers`.

    "balanced": 1. "prompt": 0.825 ** (layers - 1 - i), so that the middle block's stays whole and the first layers',
    which place every line, fade; the power is that of ControlNet 1.0 for its 13 layers
    (https://github.com/lllyasviel/ControlNet, gradio_canny2image.py), and of "My prompt is more important" in
    https://github.com/Mikubill/sd-webui-controlnet, which for SDXL takes the first 10 of those 13 numbers: 0.56 times
    ours. "control": 0.1 to 1 in equal ratios, which is diffusers' guess mode and nearly the same row of numbers; there
    the negative rows are not controlled at all (see `_calls`), so that guidance multiplies what the ControlNet adds:
    "ControlNet is more important" of the same extension.
    """
    last = layers - 1
    match mode:
        case "prompt":
            return [PROMPT_DECAY ** (last - layer) for layer in range(layers)]
        case "control":
            return [10 ** (layer / last - 1) for layer in range(layers)]
        case _:
            return [1.0] * layers


class Call(NamedTuple):
    """One row for one ControlNet. row: its index in the pass of the UNet."""

    row: int
    control: DraftControl


def residuals(
    drafts: Sequence[Draft], rows: Sequence[Row], inputs: Inputs, pad: Pad | None
) -> tuple[Tensor, ...] | None:
    """For each layer of the encoder what is added to its output, (rows, channels ...); None where nothing is.

    inputs: of the rows, and behind them of those that only fill up. pad: see `denoise.tick`; ControlNets too are given
    few different numbers of rows.
    """
    sums: list[Tensor] = []
    for calls in _calls(drafts, rows):
        tokens = len(rows[calls[0].row].told.embeddings)
        added = _answers(calls, tokens, inputs, pad)
        sums = sums or [layer.new_zeros(len(inputs.latents), *layer.shape[1:]) for layer in added]
        places = [call.row for call in calls]
        for whole, part in zip(sums, added, strict=True):
            whole[places] += part
    return tuple(sums) or None


def _calls(drafts: Sequence[Draft], rows: Sequence[Row]) -> list[list[Call]]:
    """Which rows go through which ControlNet together: those of one length of prompt, as it knows no mask for them.

    A row that follows two pictures by one ControlNet has its second one in another pass. The passes come in an order
    that does not depend on the company, because sums of three numbers do.
    """
    together: dict[tuple[str, int, int, int], list[Call]] = {}
    for index, row in enumerate(rows):
        times = Counter[str]()
        for control in drafts[row.draft].applied:
            if control.mode == "control" and row.branch > 0:
                continue
            key = (control.name, len(row.told.embeddings), times[control.name], id(control.net))
            together.setdefault(key, []).append(Call(index, control))
            times[control.name] += 1
    return [together[key] for key in sorted(together)]


def _answers(calls: Sequence[Call], tokens: int, inputs: Inputs, pad: Pad | None) -> list[Tensor]:
    """What one ControlNet adds for each layer, (calls, channels ...), weighted."""
    given = [*calls, *[calls[-1]] * (pad(len(calls)) - len(calls) if pad else 0)]
    rows = [call.row for call in given]
    net: Any = calls[0].control.net
    down, middle = net(
        inputs.latents[rows, : net.config.in_channels],  # an inpaint UNet's latents have more
        inputs.timesteps[rows],
        inputs.embeddings[rows, :tokens],
        controlnet_cond=torch.stack([call.control.hint for call in given]),
        added_cond_kwargs={"text_embeds": inputs.pooled[rows], "time_ids": inputs.time_ids[rows]},
        return_dict=False,
    )
    layers: list[Tensor] = [layer[: len(calls)] for layer in (*down, middle)]
    weights = [[c.control.weight * each for each in layer_weights(c.control.mode, len(layers))] for c in calls]
    scales = torch.tensor(weights).to(middle.device, middle.dtype)
    return [layer * scale[:, None, None, None] for layer, scale in zip(layers, scales.unbind(1), strict=True)]
