"""What every drawing says: defaults from the model's entry, names that resolve to ids, limits."""

import secrets
from dataclasses import replace
from typing import Any

from pipelines.catalog import Catalog, Model
from pipelines.errors import TaskRefused
from pipelines.limits import (
    check_controls,
    check_drawing,
    check_image_prompts,
    check_range,
    fitting,
)
from pipelines.lora_tags import taken_out
from pipelines.planning.installed import (
    check_installed,
    controlnet_named,
    depth_model,
    ip_adapter_named,
    lora_named,
    tool,
    vae_named,
)
from pipelines.sampler_names import sampler_named
from pipelines.sizes import plan
from pipelines.tasks import (
    Control,
    Drawing,
    ImagePrompt,
    Lora,
    SecondPass,
    Variation,
)

RANDOM_SEEDS = 2**32  # short enough for people to copy, and for JavaScript to hold
ECONOMY_INTERVAL = (0.0, 0.7)  # guidance is dropped late, where it changes least: a row less for those steps
MOST_CLIP_SKIP = 11


def drawing_fields(
    catalog: Catalog, kind: str, own_size: tuple[int, int] | None, said: dict[str, Any]
) -> dict[str, Any]:
    """The fields of a Drawing: what was said, which may be None, and for the rest the model's defaults.

    model None is the catalogue's default, seed None a random one; own_size is used where no size is said. economy
    leaves guidance out of the last steps.
    """
    said = dict(said)
    name, economy = said.pop("model", None), said.pop("economy", False)
    entry = catalog.default() if name is None else catalog.get(name)
    defaults = entry.defaults
    if kind not in entry.tasks or defaults is None:
        raise TaskRefused("This model does not do that; GET /darkroom/v1/models lists what each can do.", field="model")
    check_installed(catalog, entry)
    width, height = fitting(own_size, entry) if own_size else (defaults.width, defaults.height)
    usual: dict[str, Any] = {
        "negative_prompt": "",
        "width": width,
        "height": height,
        "steps": defaults.steps,
        "guidance_scale": defaults.guidance_scale,
        "sampler": defaults.sampler,
        "seed": secrets.randbelow(RANDOM_SEEDS),
    }
    if economy:
        usual["guidance_interval"] = ECONOMY_INTERVAL
    given = {field: value for field, value in said.items() if value is not None}
    given["prompt"], tagged = taken_out(given["prompt"])
    given["loras"] = _loras(catalog, (*given.get("loras", ()), *tagged))
    given["controls"] = _controls(catalog, given.get("controls", ()))
    given["image_prompts"] = _image_prompts(catalog, given.get("image_prompts", ()))
    if "noise_size" in given:
        given["noise_size"] = _rendered(entry, *given["noise_size"])
    if "vae" in given:
        given["vae"] = vae_named(catalog, given["vae"]).id
    if "sampler" in given:
        given["sampler"] = sampler_named(given["sampler"])
    return {"model": entry.id, **usual, **given}


def second_pass(catalog: Catalog, said: SecondPass) -> SecondPass:
    """With ids for names, and the LoRAs that stand in its prompt. Raises as the planning of a whole drawing."""
    prompt, tagged = (None, ()) if said.prompt is None else taken_out(said.prompt)
    return replace(
        said,
        model=None if said.model is None else _drawing_over(catalog, said.model).id,
        prompt=prompt,
        sampler=None if said.sampler is None else sampler_named(said.sampler),
        loras=_loras(catalog, (*said.loras, *tagged)),
        upscaler=None if said.upscaler is None else tool(catalog, said.upscaler, "upscaler", needed=True),
    )


def check(catalog: Catalog, task: Drawing) -> None:
    """Raises TaskRefused for what its model does not take."""
    entry = catalog.get(task.model)
    check_drawing(task, entry.limits)
    check_range(task.clip_skip, 0, MOST_CLIP_SKIP, "clip_skip")
    if isinstance(task.variation, Variation):
        check_range(task.variation.strength, 0, 1, "variation")
    plan(task.width, task.height, entry)


def _rendered(entry: Model, width: int, height: int) -> tuple[int, int]:
    """The sides that the model draws for these."""
    for side in (width, height):
        check_range(side, entry.limits.min_side, entry.limits.max_side, "noise_size")
    size = plan(width, height, entry)
    return size.render_width, size.render_height


def _drawing_over(catalog: Catalog, name: str) -> Model:
    entry = catalog.get(name)
    if "image_to_image" not in entry.tasks:
        raise TaskRefused("This model does not draw over pictures; name one that does.", field="model")
    check_installed(catalog, entry)
    return entry


def _loras(catalog: Catalog, loras: tuple[Lora, ...]) -> tuple[Lora, ...]:
    return tuple(replace(lora, name=lora_named(catalog, lora.name).id) for lora in loras)


def _controls(catalog: Catalog, controls: tuple[Control, ...]) -> tuple[Control, ...]:
    check_controls(controls)
    if any(control.annotator == "depth" for control in controls):
        depth_model(catalog)
    return tuple(replace(control, model=controlnet_named(catalog, control.model).id) for control in controls)


def _image_prompts(catalog: Catalog, prompts: tuple[ImagePrompt, ...]) -> tuple[ImagePrompt, ...]:
    check_image_prompts(prompts)
    return tuple(replace(prompt, model=ip_adapter_named(catalog, prompt.model).id) for prompt in prompts)
