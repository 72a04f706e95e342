"""The `parameters` text that AUTOMATIC1111's web UI leaves in its pictures: what was asked for, read by many programs.

A prompt, a line with the negative one, and a last line of settings: `Steps: 20, Sampler: Euler a, Seed: 1, ...`; a
value with a comma, a colon or a line break in it is written as a JSON string. The format is documented by its use.
"""

import json
import re
from dataclasses import dataclass, field

from pipelines.tasks import KARRAS, Drawing, Edit, ImageToImage, Inpaint, Lora, Picture, SecondPass, TextToImage

NEGATIVE = "Negative prompt: "
NEGATIVE_LINE = re.compile(r"(?:\A|\n)Negative prompt: ?")
SETTING = re.compile(r'\s*(\w[\w /-]{0,63}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|\Z)')
LEAST_SETTINGS = 3  # a last line with fewer is a part of the prompt, as the web UI reads it
MOST_CHARS = 65_536  # of a settings line; a longer one is none
LABELS = {
    "euler": "Euler",
    "euler_a": "Euler a",
    "heun": "Heun",
    "ddim": "DDIM",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "unipc": "UniPC",
    "lcm": "LCM",
}


@dataclass(frozen=True, slots=True)
class Infotext:
    """settings: by the web UI's names, in order, every value as text."""

    prompt: str
    negative_prompt: str = ""
    settings: dict[str, str] = field(default_factory=dict)


def written(said: Infotext) -> str:
    negative = f"\n{NEGATIVE}{said.negative_prompt}" if said.negative_prompt else ""
    settings = ", ".join(f"{name}: {_quoted(value)}" for name, value in said.settings.items())
    return f"{said.prompt}{negative}\n{settings}"


def parsed(text: str) -> Infotext:
    """What a text says, whoever wrote it; one that is in another form is all prompt."""
    head, _, last = text.rpartition("\n")
    found = SETTING.findall(last) if len(last) <= MOST_CHARS else []
    if len(found) < LEAST_SETTINGS:
        head, found = text, []
    negative = NEGATIVE_LINE.search(head)
    settings = {name: _unquoted(value) for name, value in found}
    if negative is None:
        return Infotext(head, settings=settings)
    return Infotext(head[: negative.start()], head[negative.end() :], settings)


def infotext_of(task: Drawing, picture: Picture) -> Infotext:
    """What is to be known of a picture that this task drew, as far as the web UI has words for it."""
    solver = task.sampler.removesuffix(KARRAS)
    restorer = task.face_restorer if isinstance(task, TextToImage | ImageToImage) else None
    settings: dict[str, object] = {
        "Steps": task.steps,
        "Sampler": LABELS[solver],
        "Schedule type": "Karras" if task.sampler != solver else "Automatic",
        "CFG scale": f"{task.guidance_scale:g}",
        "Seed": picture.seed,
        "Size": f"{task.width}x{task.height}",
        "Model": picture.model,
        **_particulars(task, picture),
        **({"Face restoration": restorer} if restorer else {}),
        **({"Tiling": True} if task.seamless else {}),
        **({"Seed resize from": "x".join(map(str, task.noise_size))} if task.noise_size else {}),
        "Version": "darkroom",
    }
    told = {name: str(value) for name, value in settings.items()}
    return Infotext(_tagged(task.prompt, task.loras), task.negative_prompt, told)


def _particulars(task: Drawing, picture: Picture) -> dict[str, object]:
    """What only some tasks say; the web UI's Size and Steps are those of the first of two passes."""
    more: dict[str, object] = {}
    if isinstance(task, ImageToImage | Inpaint):
        more["Denoising strength"] = f"{task.strength:g}"
    if isinstance(task, Inpaint):
        more["Mask blur"] = task.mask_blur
    if isinstance(task, Edit):
        more["Image CFG scale"] = f"{task.image_guidance_scale:g}"
    if isinstance(task, TextToImage) and task.first_pass is not None:
        first = task.first_pass
        more |= {"Steps": first.steps, "Size": f"{first.width}x{first.height}"}
        more |= {"Denoising strength": f"{first.strength:g}", "Hires steps": task.steps}
        more["Hires resize"] = f"{task.width}x{task.height}"
        more |= _second_pass(first.second)
    if task.clip_skip:
        more["Clip skip"] = task.clip_skip + 1  # the web UI counts from 1, which leaves nothing out
    if task.vae is not None:
        more["VAE"] = task.vae
    if task.variation is not None:
        more["Variation seed"] = task.variation.seed + (picture.seed or task.seed) - task.seed
        more["Variation seed strength"] = f"{task.variation.strength:g}"
    return more


def _second_pass(second: SecondPass) -> dict[str, object]:
    told: dict[str, object | None] = {
        "Hires upscaler": second.upscaler,
        "Hires checkpoint": second.model,
        "Hires sampler": second.sampler and LABELS[second.sampler.removesuffix(KARRAS)],
        "Hires schedule type": second.sampler and ("Karras" if second.sampler.endswith(KARRAS) else "Automatic"),
        "Hires CFG Scale": second.guidance_scale and f"{second.guidance_scale:g}",
        "Hires prompt": None if second.prompt is None else _tagged(second.prompt, second.loras),
        "Hires negative prompt": second.negative_prompt,
    }
    return {name: value for name, value in told.items() if value is not None}


def _tagged(prompt: str, loras: tuple[Lora, ...]) -> str:
    tags = "".join(f" <lora:{lora.name}:{lora.scale:g}>" for lora in loras)
    return (prompt + tags).strip() if tags else prompt


def _quoted(value: str) -> str:
    plain = value == value.strip() and not any(letter in value for letter in ',:"\n')
    return value if plain else json.dumps(value, ensure_ascii=False)


def _unquoted(value: str) -> str:
    try:
        return str(json.loads(value)) if value.startswith('"') else value
    except ValueError:
        return value
