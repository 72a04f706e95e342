"""The web UI's options, which it has once for the whole server and we keep for each account.

A client may send back the whole dict that it was told: what is not kept is ignored, and named in a header.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse

from pipelines.catalog import Catalog, Model
from pipelines.errors import ModelNotInstalled, ModelUnknown
from pipelines.planning import check_installed, vae_named
from server.dialects.a1111.loose import LooseBody
from server.dialects.a1111.naming import hash_of, model_called, title_of
from server.dialects.a1111.pictures import API
from server.errors import BodyInvalid, ModelNotAllowed
from server.http.auth import TheAccount, TheCaller
from server.http.body import Name, check, described, ignored_fields, read_json
from server.http.parts import Parts, TheParts
from server.images import QUALITY
from server.keys import Caller

CHECKPOINT = "sd_model_checkpoint"
HASH = "sd_checkpoint_hash"  # told, never set
# Those that drawing listens to; all others are kept and told, no more.
HEARD = ("sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers", "samples_format", "jpeg_quality", "send_seed")
NO_VAE = ("Automatic", "None")  # the model's own


class Options(LooseBody):
    """What is kept, with what it is unless an account has set it."""

    sd_model_checkpoint: Name | None = None
    sd_vae: Name = "Automatic"
    CLIP_stop_at_last_layers: Annotated[int, Field(ge=1, le=12)] = 1
    samples_format: Literal["png", "jpg", "jpeg", "webp"] = "png"
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = QUALITY
    send_seed: bool = True
    send_size: bool = True


router = APIRouter()
EXAMPLE = {"sd_model_checkpoint": "shapes-xl", "CLIP_stop_at_last_layers": 1}


@router.get("/sdapi/v1/options")
async def show(parts: TheParts, account: TheAccount, caller: TheCaller) -> dict[str, Any]:
    """What your account has set, and what is usual otherwise."""
    told = Options().model_dump() | dict(await chosen(parts, account))
    model = _current(parts.catalog, told[CHECKPOINT], caller)
    return told | {CHECKPOINT: model and title_of(model), HASH: model and hash_of(model)}


@router.post("/sdapi/v1/options", openapi_extra=described(Options, EXAMPLE))
async def change(request: Request, parts: TheParts, account: TheAccount, caller: TheCaller) -> JSONResponse:
    """Set options for your account; those that are left out or null stay."""
    value = {name: item for name, item in (await read_json(request)).items() if item is not None and name != HASH}
    asked = check(Options, value).model_dump(exclude_unset=True)
    if CHECKPOINT in asked:
        asked[CHECKPOINT] = _usable(parts.catalog, asked[CHECKPOINT], caller).id
    if asked.get("sd_vae", NO_VAE[0]) not in NO_VAE:
        asked["sd_vae"] = vae_called(parts.catalog, asked["sd_vae"])
    await parts.accounts.keep(account, API, asked)
    return JSONResponse(None, headers=ignored_fields(Options, value))


async def chosen(parts: Parts, account: str) -> Mapping[str, Any]:
    """What the account has set with `POST /sdapi/v1/options`, by the web UI's names; nothing is absent or null.

    Its checkpoint is a model's id, else the account's default model, and left out where that is not there any more.
    """
    prefers = (await parts.accounts.find(account)).preferences
    kept = dict(prefers.options.get(API, {}))
    name = kept.pop(CHECKPOINT, prefers.default_model)
    found = name and _installed(parts.catalog, name)
    return kept | ({CHECKPOINT: found.id} if found else {})


def vae_called(catalog: Catalog, name: str) -> str:
    """The id of a VAE by its name, with or without its ending. Raises BodyInvalid."""
    try:
        return vae_named(catalog, name.removesuffix(".safetensors")).id
    except (ModelUnknown, ModelNotInstalled) as error:
        raise BodyInvalid(f"`sd_vae`: {error.sentence}", field="sd_vae") from None


def _current(catalog: Catalog, name: str | None, caller: Caller) -> Model | None:
    """The model that draws unless a request names another; None where there is none for this key."""
    try:
        model = model_called(catalog, name, "text_to_image") if name else catalog.default()
    except ModelNotInstalled:
        return None
    return model if caller.may_use(model.id) else None


def _usable(catalog: Catalog, name: str, caller: Caller) -> Model:
    """Raises ModelUnknown, ModelNotInstalled and ModelNotAllowed."""
    model = model_called(catalog, name)
    check_installed(catalog, model)
    if not caller.may_use(model.id):
        raise ModelNotAllowed
    return model


def _installed(catalog: Catalog, name: str) -> Model | None:
    try:
        model = model_called(catalog, name)
    except (ModelUnknown, ModelNotInstalled):
        return None
    return model if catalog.is_installed(model) else None
