"""What a task may ask for: each limit with the sentence that tells it."""

from math import sqrt

from pipelines.catalog import Limits, Model
from pipelines.errors import TaskRefused
from pipelines.sizes import UNIT
from pipelines.tasks import (
    ANNOTATORS,
    CONTROL_MODES,
    MOST_CONTROLS,
    MOST_IMAGE_PROMPTS,
    MOST_REFERENCES,
    SEED_LIMIT,
    Control,
    Drawing,
    ImagePrompt,
)

MOST_CONTROL_WEIGHT = 2
MOST_IMAGE_SCALE = 2


def check_drawing(task: Drawing, limits: Limits) -> None:
    """Raises TaskRefused for the first field that is out of its range."""
    check_text(task.prompt, "prompt", limits)
    check_text(task.negative_prompt, "negative_prompt", limits)
    check_range(task.width, limits.min_side, limits.max_side, "width")
    check_range(task.height, limits.min_side, limits.max_side, "height")
    check_range(task.steps, 1, limits.max_steps, "steps")
    check_range(task.guidance_scale, 1, limits.max_guidance_scale, "guidance_scale")
    check_range(task.guidance_rescale, 0, 1, "guidance_rescale")
    begin, end = task.guidance_interval
    check_range(begin, 0, 1, "guidance_interval")
    check_range(end, begin, 1, "guidance_interval")
    check_range(task.count, 1, limits.max_count, "count")
    check_range(task.seed, 0, SEED_LIMIT - task.count, "seed")
    if task.width * task.height > limits.max_pixels:
        sentence = f"width times height must be at most {limits.max_pixels}; ask for a smaller picture."
        raise TaskRefused(sentence, field="width")


def check_controls(controls: tuple[Control, ...]) -> None:
    """Raises TaskRefused that blames `controls`, whichever part of them it is."""
    if len(controls) > MOST_CONTROLS:
        raise TaskRefused(f"A picture can follow at most {MOST_CONTROLS} controls; send fewer.", field="controls")
    for control in controls:
        check_name(control.annotator, ANNOTATORS, "controls", "annotator")
        check_name(control.mode, CONTROL_MODES, "controls", "mode")
        check_range(control.weight, 0, MOST_CONTROL_WEIGHT, "controls", "weight")
        check_range(control.start, 0, 1, "controls", "start")
        check_range(control.end, control.start, 1, "controls", "end")


def check_image_prompts(prompts: tuple[ImagePrompt, ...]) -> None:
    """Raises TaskRefused that blames `image_prompts`, whichever part of them it is."""
    if len(prompts) > MOST_IMAGE_PROMPTS:
        sentence = f"A picture can be drawn after at most {MOST_IMAGE_PROMPTS} image prompts; send fewer."
        raise TaskRefused(sentence, field="image_prompts")
    for prompt in prompts:
        if not 1 <= len(prompt.images) <= MOST_REFERENCES:
            sentence = f"An image prompt has from 1 to {MOST_REFERENCES} images."
            raise TaskRefused(sentence, field="image_prompts")
        check_range(prompt.scale, 0, MOST_IMAGE_SCALE, "image_prompts", "scale")
        check_range(prompt.start, 0, 1, "image_prompts", "start")
        check_range(prompt.end, prompt.start, 1, "image_prompts", "end")


def check_start(strength: float, steps: int) -> None:
    """Of a picture that is drawn over: at least one step must be left."""
    check_range(strength, 0, 1, "strength")
    if int(steps * strength) < 1:
        raise TaskRefused("strength times steps must be at least 1: raise one of them.", field="strength")


def check_range(value: float, low: float, high: float, field: str, name: str | None = None) -> None:
    """name: what the sentence calls it, where it is a part of the field."""
    if not low <= value <= high:  # not a number is in no range
        raise TaskRefused(f"{name or field} must be from {low:g} to {_written(high)}.", field=field)


def check_name(value: str, names: tuple[str, ...], field: str, name: str | None = None) -> None:
    if value not in names:
        raise TaskRefused(f"{name or field} must be one of: {', '.join(names)}.", field=field)


def check_text(text: str, field: str, limits: Limits) -> None:
    if len(text) > limits.max_prompt_chars:
        raise TaskRefused(f"{field} must be at most {limits.max_prompt_chars} characters; shorten it.", field=field)
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        sentence = f"{field} holds a NUL or half of a surrogate pair; send plain Unicode text."
        raise TaskRefused(sentence, field=field)


def fitting(size: tuple[int, int], model: Model) -> tuple[int, int]:
    """`size` itself, or in its aspect the largest within the model's limits, or what it draws where it may not enlarge.

    A side is at least that of the limits, even where that bends the aspect.
    """
    limits = model.limits
    most_side, most_pixels = limits.max_side, limits.max_pixels
    if model.oversize == "refuse" and model.direct is not None:
        most_side, most_pixels = model.direct.max_side, model.direct.max_pixels
    scale = min(1.0, most_side / max(size), sqrt(most_pixels / (size[0] * size[1])))
    if scale == 1:
        width, height = size
    else:
        width, height = (int(side * scale) // UNIT * UNIT for side in size)
    return max(width, limits.min_side), max(height, limits.min_side)


def _written(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"
