"""The web UI's hires fix, a drawing in two passes: sizes, steps, and what is other in the second one."""

from typing import Any

from pipelines.catalog import Catalog
from pipelines.lora_tags import taken_out
from pipelines.tasks import FirstPass, SecondPass
from server.dialects.a1111.asking import Txt2Img
from server.dialects.a1111.drawing import Plan, styled
from server.dialects.a1111.naming import meant_by, sampler_of, substitute
from server.dialects.a1111.upscalers import upscaler_called
from server.http.parts import Parts

SAME = frozenset({"", "none", "use same checkpoint", "use same sampler", "use same scheduler"})
LATENT = "Between two passes a picture is enlarged in pixels: Lanczos takes the place of this `hr_upscaler`."


def hires(asked: Txt2Img, plan: Plan, parts: Parts) -> dict[str, Any]:
    """What the planning is told of a drawing in two passes; steps 0 of the second are those of the first.

    Raises as `planned`, and BodyInvalid for an upscaler that is not here. Says in the plan what is done otherwise.
    """
    steps = asked.hr_second_pass_steps or plan.steps
    width, height = asked.firstphase_width, asked.firstphase_height
    if not (width and height):
        width, height = plan.size
    across, down = enlarged(asked, width, height)
    second = _second(asked, plan, parts)
    return {
        "width": across,
        "height": down,
        "steps": steps,
        "first_pass": FirstPass(width, height, plan.steps, plan.strength(asked, steps), second),
    }


def enlarged(asked: Txt2Img, width: int, height: int) -> tuple[int, int]:
    """The size after the second pass: by one side, by both, or by the scale."""
    if asked.firstphase_width and asked.firstphase_height and asked.width and asked.height:
        return asked.width, asked.height
    across, down = asked.hr_resize_x, asked.hr_resize_y
    if not across and not down:
        return int(width * asked.hr_scale), int(height * asked.hr_scale)
    return across or width * down // max(1, height), down or height * across // max(1, width)


def _second(asked: Txt2Img, plan: Plan, parts: Parts) -> SecondPass:
    (prompt, negative), _ = styled((asked.hr_prompt, asked.hr_negative_prompt), asked.styles, parts, plan.model)
    return SecondPass(
        model=_model(asked, plan, parts.catalog),
        prompt=(taken_out(prompt)[0] if asked.disable_extra_networks else prompt) if asked.hr_prompt else None,
        negative_prompt=negative if asked.hr_negative_prompt else None,
        sampler=_sampler(asked, plan),
        guidance_scale=asked.hr_cfg,
        upscaler=_upscaler(asked, plan, parts.catalog),
    )


def _model(asked: Txt2Img, plan: Plan, catalog: Catalog) -> str | None:
    if (name := _other(asked.hr_checkpoint_name)) is None:
        return None
    model, standing_in = meant_by(catalog, name, "image_to_image")
    plan.warnings.extend([standing_in] if standing_in else [])
    return model.id


def _sampler(asked: Txt2Img, plan: Plan) -> str | None:
    """The second pass has a sampler or a schedule of its own, or both; otherwise both are those of the first."""
    name, schedule = _other(asked.hr_sampler_name), _other(asked.hr_scheduler)
    if name is None and schedule is None:
        return None
    name, warning = substitute(name)
    plan.warnings.extend([warning] if warning else [])
    assert plan.model.defaults is not None
    return sampler_of(name or plan.said["sampler"] or plan.model.defaults.sampler, schedule or asked.scheduler)


def _upscaler(asked: Txt2Img, plan: Plan, catalog: Catalog) -> str | None:
    """None for Lanczos, which stands for what enlarges without a network."""
    name = (asked.hr_upscaler or "None").lower()
    if name.startswith("latent") or name == "nearest":
        plan.warnings.append(LATENT)
        return None
    network = upscaler_called(catalog, name, "hr_upscaler")
    return network.id if network else None


def _other(name: str | None) -> str | None:
    """None where it names what the first pass has."""
    return None if name is None or name.lower() in SAME else name
