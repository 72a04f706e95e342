"""The bodies of txt2img and img2img, and what of them changes nothing here."""

from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import Field

from pipelines.tasks import SEED_LIMIT
from server.bodies.job import Share
from server.dialects.a1111.infotexts import fields_of
from server.dialects.a1111.loose import LooseBody
from server.dialects.a1111.pictures import Picture
from server.http.body import IGNORED_FIELDS_HEADER, MOST_NAMED, NAME, Body, Name, Text, check, read_json

MOST_BATCHES, MOST_STYLES, MOST_INIT_IMAGES = 100, 32, 16
Label = Annotated[str, Field(max_length=128)]
AnySeed = Annotated[int, Field(ge=-SEED_LIMIT, lt=SEED_LIMIT)]
Number = Annotated[float, Field(ge=-1e6, le=1e6)]
Side = Annotated[int, Field(ge=0, le=8192)]
SomeBody = TypeVar("SomeBody", bound=Body)


class Drawing(LooseBody):
    """What both take. A seed below 0 is random; what is absent or null is the model's own."""

    prompt: Text = ""
    negative_prompt: Text = ""
    styles: Annotated[list[Label], Field(max_length=MOST_STYLES)] = Field(default_factory=list)
    seed: AnySeed = -1
    subseed: AnySeed = -1
    subseed_strength: Share = 0.0
    sampler_name: Label | None = None
    sampler_index: Label | None = Field(None, description="The older name of sampler_name, which wins.")
    scheduler: Label | None = None
    batch_size: Annotated[int, Field(ge=1, le=MOST_BATCHES)] = 1
    n_iter: Annotated[int, Field(ge=1, le=MOST_BATCHES)] = 1
    steps: int | None = None
    cfg_scale: float | None = None
    width: int | None = None
    height: int | None = None
    denoising_strength: Share = 0.75
    disable_extra_networks: bool = False
    override_settings: Annotated[dict[str, Any], Field(max_length=500)] = Field(default_factory=dict)
    script_name: Label | None = None
    script_args: Annotated[list[Any], Field(max_length=100)] = Field(default_factory=list)
    alwayson_scripts: Annotated[dict[str, Any], Field(max_length=100)] = Field(default_factory=dict)
    send_images: bool = True
    force_task_id: Name | None = None
    infotext: Text | None = Field(None, description="What a picture's file said; other fields win over it.")
    override_settings_restore_afterwards: bool = True
    restore_faces: bool = False
    tiling: bool = False
    refiner_checkpoint: Label | None = None
    refiner_switch_at: Number | None = None
    seed_resize_from_h: int = -1
    seed_resize_from_w: int = -1
    eta: Number | None = None
    s_min_uncond: Number | None = None
    s_churn: Number | None = None
    s_tmax: Number | None = None
    s_tmin: Number | None = None
    s_noise: Number | None = None
    do_not_save_samples: bool = False
    do_not_save_grid: bool = False
    save_images: bool = False
    comments: dict[str, Any] | None = None


class Txt2Img(Drawing):
    """The body of POST /sdapi/v1/txt2img."""

    enable_hr: bool = False
    firstphase_width: Side = 0
    firstphase_height: Side = 0
    hr_scale: Annotated[float, Field(ge=1, le=8)] = 2.0
    hr_upscaler: Label | None = None
    hr_second_pass_steps: Annotated[int, Field(ge=0)] = 0
    hr_resize_x: Side = 0
    hr_resize_y: Side = 0
    hr_checkpoint_name: Label | None = None
    hr_cfg: float | None = Field(None, description="Of Forge: the scale of the second pass.")
    hr_sampler_name: Label | None = None
    hr_scheduler: Label | None = None
    hr_prompt: Text = ""
    hr_negative_prompt: Text = ""


class Img2Img(Drawing):
    """The body of POST /sdapi/v1/img2img. White in the mask is drawn anew."""

    init_images: Annotated[list[Picture], Field(min_length=1, max_length=MOST_INIT_IMAGES)]
    mask: Picture | None = None
    resize_mode: Annotated[int, Field(ge=0, le=3)] = 0
    mask_blur: Annotated[int, Field(ge=0, le=256)] | None = None
    mask_blur_x: Annotated[int, Field(ge=0, le=256)] = 4
    mask_blur_y: Annotated[int, Field(ge=0, le=256)] = 4
    mask_round: bool = True
    inpainting_fill: Annotated[int, Field(ge=0, le=3)] = 0
    inpaint_full_res: bool = True
    inpaint_full_res_padding: Annotated[int, Field(ge=0, le=1024)] = 0
    inpainting_mask_invert: bool | Annotated[int, Field(ge=0, le=1)] = 0
    image_cfg_scale: float | None = None
    initial_noise_multiplier: Number | None = None
    latent_mask: Picture | None = None
    include_init_images: bool = False


# What changes nothing here, and the values of it that change nothing in the web UI either.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "override_settings_restore_afterwards": (True,),
    "refiner_checkpoint": ("", "None"),
    "eta": (0.0, 1.0),
    "s_min_uncond": (0.0,),
    "s_churn": (0.0,),
    "s_tmax": (0.0,),
    "s_tmin": (0.0,),
    "s_noise": (1.0,),
    "initial_noise_multiplier": (1.0,),
    "latent_mask": (),
}


async def read(request: Request, model: type[SomeBody]) -> tuple[SomeBody, dict[str, Any]]:
    """The body as a model, and as it came; what is null is absent. Raises BodyInvalid and BodyTooLarge."""
    value = {name: item for name, item in (await read_json(request)).items() if item is not None}
    text = value.get("infotext")
    return check(model, (fields_of(text) if isinstance(text, str) else {}) | value), value


def idle(asked: Drawing, value: dict[str, Any]) -> Iterator[str]:
    """The fields that ask for something and change nothing; strange names are left unsaid."""
    for name, neutral in NEUTRAL.items():
        if getattr(asked, name, None) is not None and getattr(asked, name) not in neutral:
            yield name
    yield from (name for name in sorted(value) if name not in type(asked).model_fields and NAME.fullmatch(name))


def headers_of(ignored: list[str], warnings: list[str], model: str | None) -> dict[str, str]:
    """What the answer says beside its body."""
    headers = {"x-darkroom-model": model} if model else {}
    if ignored:
        headers[IGNORED_FIELDS_HEADER] = ", ".join(ignored[:MOST_NAMED])
    if warnings:
        headers["x-darkroom-warning"] = " ".join(warnings)
    return headers
