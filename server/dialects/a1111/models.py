"""The lists of models, by the web UI's names for their kinds: those that are installed and for the caller's key."""

from pathlib import PurePosixPath
from typing import Any

from fastapi import APIRouter

from pipelines.catalog import Catalog, Kind, Model
from server.dialects.a1111.naming import HASH, hash_of, title_of
from server.dialects.a1111.upscalers import LANCZOS, NONE, scale_of, upscaler_label
from server.http.auth import TheAccount, TheCaller
from server.http.parts import TheParts
from server.keys import Caller

CHECKPOINTS: tuple[Kind, ...] = ("sdxl", "sdxl-inpaint", "fake")

router = APIRouter(prefix="/sdapi/v1")


@router.get("/sd-models")
async def checkpoints(parts: TheParts, account: TheAccount, caller: TheCaller) -> list[dict[str, Any]]:
    """What draws, and may be asked for as `sd_model_checkpoint`. The hash is null where nobody has counted it yet."""
    return [_checkpoint(model) for model in offered(parts.catalog, caller, *CHECKPOINTS)]


@router.get("/sd-vae")
async def vaes(parts: TheParts, account: TheAccount, caller: TheCaller) -> list[dict[str, Any]]:
    """VAEs that may draw in place of a model's own, as `sd_vae`."""
    return [{"model_name": vae.id, "filename": _path(vae)} for vae in offered(parts.catalog, caller, "vae")]


@router.get("/loras")
async def loras(parts: TheParts, account: TheAccount, caller: TheCaller) -> list[dict[str, Any]]:
    """Asked for in a prompt: `<lora:NAME:0.8>`. What a file says of its training is not read: no metadata."""
    return [
        {"name": lora.id, "alias": lora.stem, "path": _path(lora), "metadata": {}}
        for lora in offered(parts.catalog, caller, "lora")
    ]


@router.get("/embeddings")
async def embeddings(parts: TheParts, account: TheAccount, caller: TheCaller) -> dict[str, Any]:
    """Words that a prompt may hold. Which models they fit shows when they are used, so none is said to be skipped."""
    unread = dict.fromkeys(("step", "sd_checkpoint", "sd_checkpoint_name", "shape", "vectors"))
    found = offered(parts.catalog, caller, "embedding")
    return {"loaded": {embedding.stem: unread for embedding in found}, "skipped": {}}


@router.get("/hypernetworks")
async def hypernetworks(account: TheAccount) -> list[dict[str, Any]]:
    """None: they are not for SDXL."""
    return []


@router.get("/upscalers")
async def upscalers(parts: TheParts, account: TheAccount, caller: TheCaller) -> list[dict[str, Any]]:
    """What enlarges a picture, for extras and for img2img's script. The first is nothing, as clients expect."""
    plain = {"model_name": None, "model_path": None, "model_url": None, "scale": None}
    networks = [
        plain
        | {
            "name": upscaler_label(model),
            "model_name": model.id,
            "model_path": _path(model),
            "scale": scale_of(model),
        }
        for model in offered(parts.catalog, caller, "upscaler")
    ]
    return [{"name": NONE} | plain, {"name": LANCZOS} | plain, *networks]


@router.get("/realesrgan-models")
async def realesrgan(parts: TheParts, account: TheAccount, caller: TheCaller) -> list[dict[str, Any]]:
    """Those of the upscalers that are Real-ESRGAN's."""
    return [
        {"name": upscaler_label(model), "path": _path(model), "scale": scale_of(model)}
        for model in offered(parts.catalog, caller, "upscaler")
        if "esrgan" in model.id
    ]


@router.get("/face-restorers")
async def face_restorers(parts: TheParts, account: TheAccount, caller: TheCaller) -> list[dict[str, Any]]:
    """The first one restores the faces of whoever asks for that."""
    return [{"name": model.id, "cmd_dir": None} for model in offered(parts.catalog, caller, "face-restorer")]


def offered(catalog: Catalog, caller: Caller, *kinds: Kind) -> list[Model]:
    """The models of these kinds that are installed and that the caller may use."""
    able = [model for model in catalog.models if model.kind in kinds and catalog.is_installed(model)]
    return [model for model in able if caller.may_use(model.id)]


def _checkpoint(model: Model) -> dict[str, Any]:
    known = hash_of(model)
    return {
        "title": title_of(model),
        "model_name": model.id,
        "hash": known and known[:HASH],
        "sha256": known,
        "filename": _path(model),
        "config": None,
    }


def _path(model: Model) -> str:
    """Its file's name, or that of the folder of several; where those lie is nobody's business."""
    return PurePosixPath(model.files[0].path).name if len(model.files) == 1 else model.id
