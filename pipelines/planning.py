"""Turns what a caller asked for into a complete Task: defaults from the model's entry, a seed, every limit checked."""

import secrets

from pipelines.catalog import Catalog, Limits, Model
from pipelines.errors import ModelNotInstalled, TaskRefused
from pipelines.sampler_names import sampler_named
from pipelines.sizes import plan
from pipelines.tasks import SEED_LIMIT, TextToImage

RANDOM_SEEDS = 2**32  # short enough for people to copy, and for JavaScript to hold


def text_to_image(
    catalog: Catalog,
    *,
    model: str | None,
    prompt: str,
    negative_prompt: str = "",
    width: int | None = None,
    height: int | None = None,
    steps: int | None = None,
    guidance_scale: float | None = None,
    sampler: str | None = None,
    seed: int | None = None,
    count: int = 1,
) -> TextToImage:
    """The task with every default filled in; model None is the catalogue's default, seed None a random one.

    Raises ModelUnknown, ModelNotInstalled, and TaskRefused with a sentence that says what would do.
    """
    entry = catalog.default() if model is None else catalog.get(model)
    defaults = entry.defaults
    if "text_to_image" not in entry.tasks or defaults is None:
        raise TaskRefused("This model does not draw from text; choose one of kind sdxl.", field="model")
    check_installed(catalog, entry)
    task = TextToImage(
        model=entry.id,
        prompt=prompt,
        negative_prompt=negative_prompt,
        width=defaults.width if width is None else width,
        height=defaults.height if height is None else height,
        steps=defaults.steps if steps is None else steps,
        guidance_scale=defaults.guidance_scale if guidance_scale is None else guidance_scale,
        sampler=defaults.sampler if sampler is None else sampler_named(sampler),
        seed=secrets.randbelow(RANDOM_SEEDS) if seed is None else seed,
        count=count,
    )
    _check(task, entry.limits)
    plan(task.width, task.height, entry)
    return task


def check_installed(catalog: Catalog, model: Model) -> None:
    """Raises ModelNotInstalled, with the commands that mend it."""
    if missing := catalog.to_pull(model):
        commands = " and ".join(f"`darkroom pull {name}`" for name in missing)
        raise ModelNotInstalled(f"The model is known but not installed: run {commands} on the server.", field="model")


def _check(task: TextToImage, limits: Limits) -> None:
    _check_text(task.prompt, "prompt", limits)
    _check_text(task.negative_prompt, "negative_prompt", limits)
    _check_range(task.width, limits.min_side, limits.max_side, "width")
    _check_range(task.height, limits.min_side, limits.max_side, "height")
    _check_range(task.steps, 1, limits.max_steps, "steps")
    _check_range(task.guidance_scale, 1, limits.max_guidance_scale, "guidance_scale")
    _check_range(task.count, 1, limits.max_count, "count")
    _check_range(task.seed, 0, SEED_LIMIT - task.count, "seed")
    if task.width * task.height > limits.max_pixels:
        sentence = f"width times height must be at most {limits.max_pixels}; ask for a smaller picture."
        raise TaskRefused(sentence, field="width")


def _check_range(value: float, low: float, high: float, field: str) -> None:
    if not low <= value <= high:  # not a number is in no range
        raise TaskRefused(f"{field} must be from {low:g} to {_written(high)}.", field=field)


def _written(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def _check_text(text: str, field: str, limits: Limits) -> None:
    if len(text) > limits.max_prompt_chars:
        raise TaskRefused(f"{field} must be at most {limits.max_prompt_chars} characters; shorten it.", field=field)
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        sentence = f"{field} holds a NUL or half of a surrogate pair; send plain Unicode text."
        raise TaskRefused(sentence, field=field)
