"""Create: pictures of a prompt, by a template, in a style, in a persona's look, several variations of them at once."""

import re
import secrets
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog, Model
from pipelines.engine.protocol import Terms
from pipelines.planning import text_to_image
from pipelines.sizes import shaped
from pipelines.tasks import SEED_LIMIT, TextToImage
from server.dialects.image_studio.pictures import API, plain, told
from server.dialects.image_studio.providers import Provider, meant, provider_of
from server.dialects.image_studio.wording import PREFIX, in_body
from server.http.auth import TheAccount
from server.http.body import Body, Name, Prompt, Seed, Text, check, described, read_json
from server.http.parts import Parts, TheParts
from server.http.waiting import draw_each
from server.images import Caption, Encoding, Image
from server.jobs import Origin
from server.prompts.enhancer import Enhanced
from server.prompts.looks import Looks
from server.prompts.places import Quality, Template

MOST_VARIATIONS = 10
DEFAULT_PERSONA, ENHANCEMENT = "default", "general"
MOST_SIDE = 8192
RATIO = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,3})?):([0-9]{1,4}(?:\.[0-9]{1,3})?)")
LONGEST_RATIO = 8.0
RANDOM_SEEDS = 2**32  # short enough for people to copy, and for JavaScript to hold
# What a quality does to the model's own number of steps, and by which sampler; None is the model's own.
QUALITIES: dict[Quality, tuple[float, str | None]] = {
    "draft": (0.5, "dpmpp_2m"),
    "standard": (1.0, None),
    "premium": (1.5, None),
}


def aspect_of(ratio: str) -> float:
    """Width by height of `16:9`; 0 where it is no ratio."""
    match = RATIO.fullmatch(ratio)
    across, down = (float(match[1]), float(match[2])) if match else (0.0, 1.0)
    return across / down if down else 0.0


def _sensible(ratio: str) -> str:
    if not 1 / LONGEST_RATIO <= aspect_of(ratio) <= LONGEST_RATIO:
        raise ValueError("it must be two numbers such as 16:9, of which none is over eight times the other")
    return ratio


Ratio = Annotated[str, AfterValidator(_sensible)]
Side = Annotated[int, Field(ge=8, le=MOST_SIDE)]


class Create(Body):
    """The body of POST /api/image-studio/create. quality: left out, it is the template's, or else standard."""

    prompt: Prompt
    template_id: Name | None = None
    provider: Provider | None = "auto"
    model: Name | None = None
    width: Side | None = None
    height: Side | None = None
    aspect_ratio: Ratio | None = None
    style_preset: Name | None = None
    quality: Literal["draft", "standard", "premium"] | None = None
    negative_prompt: Text | None = None
    guidance_scale: float | None = None
    steps: int | None = None
    seed: Seed | None = None
    num_variations: Annotated[int, Field(ge=1, le=MOST_VARIATIONS)] | None = 1
    enhance_prompt: bool | None = True
    use_persona: bool | None = False
    persona_id: Name | None = None


router = APIRouter(prefix=PREFIX)
EXAMPLE = {
    "prompt": "a big red star on a white background",
    "template_id": "linkedin_post",
    "quality": "standard",
    "num_variations": 1,
}


@router.post("/create", openapi_extra=described(Create, EXAMPLE))
async def create(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Draw one or several pictures of a prompt, and wait for them.

    `width` and `height` win over `aspect_ratio`, which wins over the template. A variation that could not be drawn is
    counted in `total_failed`; where none could, the answer is an error.
    """
    value = await read_json(request)
    asked = check(Create, value)
    with in_body():
        template = parts.library.now.template(asked.template_id) if asked.template_id is not None else None
        drawing = meant(parts.catalog, asked.provider, asked.model, "text_to_image")
        seed = secrets.randbelow(RANDOM_SEEDS) if asked.seed is None else asked.seed
        enhanced = await _enhanced(asked, parts, seed, drawing.model.limits.max_prompt_chars)
        first = to_task(asked, enhanced, template, drawing.model, parts.catalog, seed)
    tasks = [replace(first, seed=(seed + number) % SEED_LIMIT) for number in range(asked.num_variations or 1)]
    caption = Caption(asked=asked.prompt)
    outcomes = await draw_each(request, parts, tasks, Encoding(), Terms(account), origin=Origin(API), caption=caption)
    results = [
        await _result(number, outcome, asked, parts)
        for number, outcome in enumerate(outcomes, 1)
        if isinstance(outcome, Image)
    ]
    image = next(outcome for outcome in outcomes if isinstance(outcome, Image))
    answer = {
        "success": True,
        "request": applied(asked, template, image),
        "results": results,
        "total_generated": len(results),
        "total_failed": len(tasks) - len(results),
    }
    return JSONResponse(answer, headers=told(Create, value, drawing, _idle(asked)))


def to_task(
    asked: Create, enhanced: Enhanced, template: Template | None, model: Model, catalog: Catalog, seed: int
) -> TextToImage:
    """The task of the first variation; raises what planning raises."""
    width, height = size_of(asked, template, model)
    steps, sampler = _pace(_quality(asked, template), model)
    return text_to_image(
        catalog,
        model=model.id,
        prompt=enhanced.prompt,
        negative_prompt=enhanced.negative_prompt,
        width=width,
        height=height,
        steps=steps if asked.steps is None else asked.steps,
        guidance_scale=asked.guidance_scale,
        sampler=sampler,
        seed=seed,
    )


def size_of(asked: Create, template: Template | None, model: Model) -> tuple[int, int]:
    """Width and height in pixels. A side alone takes the other one from the aspect ratio, the template or the model."""
    if asked.width is not None and asked.height is not None:
        return asked.width, asked.height
    usual = template or model.defaults
    aspect = aspect_of(asked.aspect_ratio) if asked.aspect_ratio else usual.width / usual.height if usual else 1.0
    if asked.width is not None:
        return asked.width, round(asked.width / aspect)
    if asked.height is not None:
        return round(asked.height * aspect), asked.height
    if template is not None and asked.aspect_ratio is None:
        return template.width, template.height
    return shaped(aspect, model)


def applied(asked: Create, template: Template | None, image: Image) -> dict[str, Any]:
    """What was made of the request, as its first picture tells it: it may be of an earlier try of the same request."""
    return {
        "prompt": asked.prompt,
        "enhanced_prompt": image.prompt,
        "template_id": asked.template_id,
        "template_name": template and template.name,
        "provider": provider_of(asked.provider),
        "model": image.model,
        "dimensions": f"{image.width}x{image.height}",
        "quality": _quality(asked, template),
    }


def _quality(asked: Create, template: Template | None) -> Quality:
    return asked.quality or (template.quality if template else "standard")


def _pace(quality: Quality, model: Model) -> tuple[int | None, str | None]:
    """Steps and sampler of a quality, at most what the model allows; a model distilled to few steps has but its own."""
    if model.defaults is None or model.defaults.guidance_scale == 1:
        return None, None
    factor, sampler = QUALITIES[quality]
    return min(max(1, round(model.defaults.steps * factor)), model.limits.max_steps), sampler


async def _enhanced(asked: Create, parts: Parts, seed: int, limit: int) -> Enhanced:
    """The prompts with the words of all that was chosen by name, and, unless that is declined, enhanced."""
    persona = (asked.persona_id or DEFAULT_PERSONA) if asked.use_persona else None
    looks = Looks(style=asked.style_preset, social_template=asked.template_id, persona=persona)
    negative = asked.negative_prompt or ""
    if asked.enhance_prompt is False:
        return parts.enhancer.dressed(asked.prompt, negative, looks, limit)
    return await parts.enhancer.enhance(
        asked.prompt, negative, template=ENHANCEMENT, looks=looks, seed=seed, limit=limit
    )


def _idle(asked: Create) -> str | None:
    """What was asked for and has no effect."""
    is_idle = asked.persona_id is not None and not asked.use_persona
    return "persona_id has no effect without use_persona." if is_idle else None


async def _result(number: int, image: Image, asked: Create, parts: Parts) -> dict[str, Any]:
    return {
        "image_base64": await plain(image, parts),
        "width": image.width,
        "height": image.height,
        "provider": provider_of(asked.provider),
        "model": image.model,
        "seed": image.seed,
        "variation": number,
    }
