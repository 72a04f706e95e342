"""Models as they are here: what they can do, what they cost, and how long they took. What nobody knows is null."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog, Meant, Model
from pipelines.engine.protocol import Health
from pipelines.errors import ModelNotInstalled
from pipelines.tasks import SAMPLERS
from server.credits.prices import resolution_of, units
from server.dialects.imagegen_v2 import bodies
from server.dialects.imagegen_v2.spelled import PREFIX, cost
from server.errors import ModelNotAllowed
from server.gallery import Wanted
from server.http.auth import TheAccount, TheCaller
from server.http.own_links import open_address
from server.http.parts import Parts, TheParts

MOST_EXAMPLES = 3
PARAMETERS = ("max_prompt_length", "supported_schedulers", "inference_steps_range", "guidance_scale_range")
SCHEDULERS = {"dpmpp_2m": "DPMSolverMultistep", "ddim": "DDIM", "euler": "K_EULER", "euler_a": "K_EULER_ANCESTRAL"}
CAPABILITIES = {
    "inpaint": "inpainting",
    "outpaint": "outpainting",
    "upscale": "upscaling",
    "remove_background": "background-removal",
}

router = APIRouter(prefix=PREFIX)


@router.get("/models")
async def listed(parts: TheParts, account: TheAccount, caller: TheCaller) -> dict[str, Any]:
    """Every model that does something by itself and that your key may use. Times are in seconds."""
    seconds, queue, health = await parts.jobs.usual_seconds(), await parts.jobs.queue_seconds(), parts.worker.health()
    models = [model for model in parts.catalog.models if model.tasks and caller.may_use(model.id)]
    return {
        "models": [
            _said(parts, model, health)
            | {
                "capabilities": [_capability(task) for task in model.tasks],
                "specialized_features": None,
                "supported_sizes": [{"width": width, "height": height} for width, height in model.native_sizes],
                "pricing": _pricing(model, parts.settings.credit_usd),
                "performance": {
                    "average_generation_time": _rounded(seconds.get(model.id)),
                    "queue_time": _rounded(queue),
                },
            }
            for model in models
        ]
    }


@router.get("/models/{model_id}")
async def show(
    model_id: str, request: Request, parts: TheParts, account: TheAccount, caller: TheCaller
) -> JSONResponse:
    """One of them, by its id or by a name that stands for it; `id` is then the model's own."""
    meant = _meant(parts.catalog, model_id)
    model = meant.model
    if not caller.may_use(model.id):
        raise ModelNotAllowed
    told = _said(parts, model, parts.worker.health()) | {
        "description": model.description,
        "release_date": None,
        "capabilities": {
            "text_to_image": "text_to_image" in model.tasks,
            "image_to_image": "image_to_image" in model.tasks,
            "inpainting": "inpaint" in model.tasks,
            "outpainting": "outpaint" in model.tasks,
            "controlnet": "text_to_image" in model.tasks and _has_controlnet(parts.catalog),
        },
        "parameters": _parameters(model),
        "training_data": dict.fromkeys(("dataset_size", "training_compute", "training_duration")),
        "examples": await _examples(request, parts, account, model),
    }
    headers = {"x-darkroom-model": model.id} | ({"x-darkroom-warning": meant.warning} if meant.warning else {})
    return JSONResponse({"model": told}, headers=headers)


def _meant(catalog: Catalog, name: str) -> Meant:
    """As a request would have it, but for what is not installed: that is shown as it is. Raises ModelUnknown."""
    wanted = [catalog.get(model) for model in catalog.aliases.get(name, ())]
    try:
        return catalog.meant(name, wanted[0].tasks[0] if wanted else "text_to_image")
    except ModelNotInstalled:
        return Meant(wanted[0])


def _said(parts: Parts, model: Model, health: Health) -> dict[str, Any]:
    return {
        "id": model.id,
        "name": model.name,
        "version": model.source.revision if model.source else None,
        "type": _capability(model.tasks[0]) if model.tasks else model.kind,
        "status": _status(parts.catalog, model, health),
    }


def _status(catalog: Catalog, model: Model, health: Health) -> str:
    if not catalog.is_installed(model):
        return "not_installed"
    return "unavailable" if model.id in {name for name, _, _ in health.not_loaded} else "active"


def _capability(task: str) -> str:
    """text-to-image for text_to_image, inpainting for inpaint."""
    return CAPABILITIES.get(task) or task.replace("_", "-")


def _pricing(model: Model, credit_usd: float) -> dict[str, Any]:
    """Of a picture of the model's usual size."""
    usual = model.defaults
    price = model.price.of(resolution_of(usual.width, usual.height) if usual else "standard")
    costs = cost(units(price), credit_usd)
    return {"per_image": costs["usd"], "credits": costs["credits"]}


def _parameters(model: Model) -> dict[str, Any]:
    """What a request that names this model may say, so far as the model takes it; null where it does not draw."""
    usual, limits = model.defaults, model.limits
    if usual is None:
        return dict.fromkeys(PARAMETERS)
    return {
        "max_prompt_length": min(bodies.LONGEST_PROMPT, limits.max_prompt_chars),
        "supported_schedulers": [SCHEDULERS.get(name, name) for name in SAMPLERS],
        "inference_steps_range": {
            "min": bodies.FEWEST_STEPS,
            "max": min(bodies.MOST_STEPS, limits.max_steps),
            "default": usual.steps,
        },
        "guidance_scale_range": {
            "min": bodies.LEAST_GUIDANCE,
            "max": min(bodies.MOST_GUIDANCE, limits.max_guidance_scale),
            "default": usual.guidance_scale,
        },
    }


def _has_controlnet(catalog: Catalog) -> bool:
    return any(model.kind == "controlnet" and catalog.is_installed(model) for model in catalog.models)


async def _examples(request: Request, parts: Parts, account: str, model: Model) -> list[dict[str, Any]]:
    """The newest pictures of it that their owners opened: anybody's where there is an open gallery, else your own."""
    whose = None if parts.settings.public_gallery else account
    images = await parts.gallery.page(Wanted(whose, model=model.id, public=True), "newest", MOST_EXAMPLES)
    return [{"prompt": image.prompt, "image_url": await open_address(request, parts, image)} for image in images]


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
