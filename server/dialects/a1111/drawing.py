"""What txt2img and img2img have in common: the model, the words, the seeds, the options, as the planning wants them."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.catalog import Catalog, Meant, Model
from pipelines.errors import TaskRefused
from pipelines.lora_tags import taken_out
from pipelines.planning import first_installed
from pipelines.tasks import Variation
from server.dialects.a1111.asking import Drawing, idle
from server.dialects.a1111.naming import meant_by, sampler_of, substitute
from server.dialects.a1111.options import HEARD, chosen
from server.errors import BodyInvalid, EntryUnknown
from server.http.parts import Parts
from server.images import QUALITY, Encoding
from server.prompts.looks import Looks
from server.prompts.words import key_of

RANDOM_SEEDS = 2**32
ONE_STEP = 1.000001  # times a share of the steps, so that rounding leaves one
FORMATS = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}
NONE = frozenset({"", "none", "automatic"})  # names that name nothing


@dataclass(frozen=True, slots=True)
class Plan:
    """said: what every planning function of a drawing takes, but seed and variation. ignored: names of fields.

    seed, subseed: as asked for, or drawn by lot. steps, size: as asked for, or the model's own; size is in pixels.
    """

    model: Model
    said: dict[str, Any]
    seed: int
    subseed: int
    steps: int
    size: tuple[int, int]
    encoding: Encoding
    ignored: list[str]
    warnings: list[str]

    def seeds(self, asked: Drawing, number: int) -> dict[str, Any]:
        """Of picture `number`. With a subseed strength the subseed counts on, and the seed stays, as in the web UI."""
        if not asked.subseed_strength:
            return {"seed": self.seed + number}
        return {"seed": self.seed, "variation": Variation(self.subseed + number, asked.subseed_strength)}

    def strength(self, asked: Drawing, steps: int | None = None) -> float:
        """Enough for one step: that many the web UI draws at a denoising strength of 0, too."""
        return max(asked.denoising_strength, min(1.0, ONE_STEP / max(1, steps or self.steps)))


def restoring(asked: Drawing, plan: Plan, catalog: Catalog) -> dict[str, Any]:
    """What the planning is told of faces; where nothing restores them, that is named among the ignored fields."""
    restorer = first_installed(catalog, "face-restorer") if asked.restore_faces else None
    if asked.restore_faces and restorer is None:
        plan.ignored.append("restore_faces")
    return {"face_restorer": restorer.id} if restorer else {}


async def planned(asked: Drawing, value: dict[str, Any], parts: Parts, account: str, task: str) -> Plan:
    """task: of our own API. Raises ModelUnknown, ModelNotInstalled, TaskRefused and BodyInvalid."""
    settings = dict(await chosen(parts, account)) | asked.override_settings
    name = word(settings, "sd_model_checkpoint")
    catalog = parts.catalog
    model, standing_in = Meant(catalog.default(task)) if name is None else meant_by(catalog, name, task)
    if (usual := model.defaults) is None:
        raise TaskRefused("This model does not draw: GET /sdapi/v1/sd-models lists those that do.")
    (prompt, negative), strange = styled((asked.prompt, asked.negative_prompt), asked.styles, parts, model)
    prompt = taken_out(prompt)[0] if asked.disable_extra_networks else prompt
    sampler, warning = substitute(asked.sampler_name or asked.sampler_index or None)
    warnings = [each for each in (standing_in, warning) if each]
    warnings += ["A style of this request is not here: GET /sdapi/v1/prompt-styles lists them."] if strange else []
    said = {
        "model": model.id,
        "prompt": prompt,
        "negative_prompt": negative,
        "width": asked.width,
        "height": asked.height,
        "steps": asked.steps,
        "guidance_scale": asked.cfg_scale,
        "sampler": sampler_of(sampler, asked.scheduler),
        "clip_skip": _clip_skip(settings),
        "noise_size": _resized_from(asked),
        "vae": word(settings, "sd_vae"),
    }
    unheard = [f"override_settings.{name}" for name in asked.override_settings if name not in HEARD]
    ignored = [*idle(asked, value), *(name for name in unheard if re.fullmatch(r"\w{1,64}\.\w{1,64}", name))]
    return Plan(
        model=model,
        said=said,
        seed=_seed(asked.seed),
        subseed=_seed(asked.subseed),
        steps=_own(asked.steps, usual.steps),
        size=(_own(asked.width, usual.width), _own(asked.height, usual.height)),
        encoding=encoding_of(settings),
        ignored=ignored,
        warnings=warnings,
    )


def word(settings: Mapping[str, Any], name: str) -> str | None:
    """An option that is a name; None where it names nothing. Raises BodyInvalid."""
    value = settings.get(name)
    if value is not None and not (isinstance(value, str) and len(value) <= 256 and "\0" not in value):
        raise BodyInvalid(f"`override_settings`: {name} must be a name.", field="override_settings")
    return None if value is None or value.lower() in NONE else value


def number(settings: Mapping[str, Any], name: str, low: int, high: int, usual: int) -> int:
    """An option that is a whole number. Raises BodyInvalid."""
    value = settings.get(name)
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high or int(value) != value:
        told = f"`override_settings`: {name} must be a whole number from {low} to {high}."
        raise BodyInvalid(told, field="override_settings")
    return int(value)


def encoding_of(settings: Mapping[str, Any]) -> Encoding:
    """The file format of the options samples_format and jpeg_quality, which is of webp too. Raises BodyInvalid."""
    name = word(settings, "samples_format") or "png"
    if name.lower() not in FORMATS:
        told = "`override_settings`: samples_format must be png, jpg or webp."
        raise BodyInvalid(told, field="override_settings")
    return Encoding(FORMATS[name.lower()], number(settings, "jpeg_quality", 1, 100, QUALITY))  # type: ignore[arg-type]


def styled(
    prompts: tuple[str, str], styles: Sequence[str], parts: Parts, model: Model
) -> tuple[tuple[str, str], list[str]]:
    """Both prompts with the words of the styles, by id or by name, and those styles that are not here."""
    strange = []
    ids = {style.name.lower(): id_ for id_, style in parts.library.now.styles.items()}
    for name in styles:
        looks = Looks(style=ids.get(name.lower(), key_of(name)))
        try:
            dressed = parts.enhancer.dressed(*prompts, looks, model.limits.max_prompt_chars)
        except EntryUnknown:
            strange.append(name)
        else:
            prompts = dressed.prompt, dressed.negative_prompt
    return prompts, strange


def _clip_skip(settings: Mapping[str, Any]) -> int:
    """The web UI counts from 1, which leaves nothing out."""
    return number(settings, "CLIP_stop_at_last_layers", 1, 12, 1) - 1


def _resized_from(asked: Drawing) -> tuple[int, int] | None:
    """Both sides must be said, as in the web UI."""
    sides = asked.seed_resize_from_w, asked.seed_resize_from_h
    return sides if min(sides) > 0 else None


def _seed(asked: int) -> int:
    return secrets.randbelow(RANDOM_SEEDS) if asked < 0 else asked


def _own(asked: int | None, usual: int) -> int:
    return usual if asked is None else asked
