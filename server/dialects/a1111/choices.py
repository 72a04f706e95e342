"""What else a request may name: samplers, schedules, styles, scripts; and how the server was started."""

from typing import Any

from fastapi import APIRouter

from pipelines.tasks import KARRAS, SAMPLERS
from server.dialects.a1111.control import SCRIPT
from server.dialects.a1111.models import offered
from server.dialects.a1111.naming import SCHEDULERS, label_of
from server.dialects.a1111.scripts import SD_UPSCALE
from server.dialects.a1111.upscalers import LANCZOS, NONE, upscaler_label
from server.http.auth import TheAccount, TheCaller
from server.http.parts import TheParts

RHO = {"karras": 7.0}  # of Karras et al., 2022
# Names by which clients know that an extension is there; the second one's script itself is not.
CONTROLNET = (SCRIPT, "controlnet m2m")

router = APIRouter(prefix="/sdapi/v1")


@router.get("/samplers")
async def samplers(account: TheAccount) -> list[dict[str, Any]]:
    """Each may be asked for by its label or an alias, with Karras behind it too."""
    plain = {name: label_of(name)[0] for name in SAMPLERS if not name.endswith(KARRAS)}
    return [{"name": label, "aliases": [name], "options": {}} for name, label in plain.items()]


@router.get("/schedulers")
async def schedulers(account: TheAccount) -> list[dict[str, Any]]:
    """Automatic and uniform are one: what the model's own configuration says."""
    return [
        {"name": name, "label": label, "aliases": None, "default_rho": RHO.get(name), "need_inner_model": False}
        for name, label in SCHEDULERS.items()
    ]


@router.get("/latent-upscale-modes")
async def latent_upscale_modes(account: TheAccount) -> list[dict[str, Any]]:
    """None: between two passes a picture is enlarged in pixels, whatever `hr_upscaler` says."""
    return []


@router.get("/prompt-styles")
async def prompt_styles(parts: TheParts, account: TheAccount) -> list[dict[str, Any]]:
    """Words that go behind a prompt, and behind its negative one, for a name in `styles`."""
    return [
        {"name": name, "prompt": ", ".join(style.words), "negative_prompt": ", ".join(style.negative)}
        for name, style in parts.library.now.styles.items()
    ]


@router.get("/scripts")
async def scripts(account: TheAccount) -> dict[str, list[str]]:
    """What `script_name` and `alwayson_scripts` may name."""
    return {"txt2img": [*CONTROLNET], "img2img": [*CONTROLNET, SD_UPSCALE]}


@router.get("/script-info")
async def script_info(parts: TheParts, account: TheAccount, caller: TheCaller) -> list[dict[str, Any]]:
    """What the scripts take. A unit of ControlNet is one argument, an object."""
    networks = [upscaler_label(model) for model in offered(parts.catalog, caller, "upscaler")]
    enlarging = [
        _argument("", ""),
        _argument("Tile overlap", 64, least=0, most=256, step=16),
        _argument("Upscaler", NONE, choices=[NONE, LANCZOS, *networks]),
        _argument("Scale Factor", 2.0, least=1.0, most=4.0, step=0.05),
    ]
    controls: list[dict[str, Any]] = [
        {"name": CONTROLNET[0], "is_alwayson": True, "is_img2img": is_img2img, "args": []}
        for is_img2img in (False, True)
    ]
    return [*controls, {"name": SD_UPSCALE, "is_alwayson": False, "is_img2img": True, "args": enlarging}]


@router.get("/cmd-flags")
async def cmd_flags(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Those that mean something here; where files lie is not told."""
    settings = parts.settings
    return {
        "api": True,
        "nowebui": True,
        "api_auth": None,
        "server_name": settings.host,
        "port": settings.port,
        "cors_allow_origins": ",".join(settings.cors_origins) or None,
    }


def _argument(
    label: str,
    value: object,
    *,
    least: float | None = None,
    most: float | None = None,
    step: float | None = None,
    choices: list[str] | None = None,
) -> dict[str, Any]:
    return {"label": label, "value": value, "minimum": least, "maximum": most, "step": step, "choices": choices}
