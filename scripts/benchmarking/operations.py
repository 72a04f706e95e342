"""What is done to given pictures, each beside the library call that does the same: what `bench_operations` times."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pipelines.torchvision_ops  # noqa: F401  # before spandrel

import cv2
import numpy as np
import onnxruntime
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from safetensors.torch import load_file
from spandrel import ModelLoader

from pipelines.canvas import raster_of
from pipelines.catalog import Catalog
from pipelines.planning import annotate, crop, describe, filters, remove_background, search_and_recolor, upscale
from pipelines.tasks import Task

Plain = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True, slots=True)
class Operation:
    """task: what we are asked for. plain: the library call that does the same, None where there is no single one.

    on: a photograph, a smaller one, which a network goes over whole, or shapes, where something is to be found by name.
    """

    task: Callable[[Catalog, Image.Image], Task]
    plain: Plain | None
    on: Literal["photograph", "small photograph", "shapes"] = "photograph"


def operations(catalog: Catalog) -> dict[str, Operation]:
    """By name; of those with a network, the ones whose network is installed."""
    found = {
        "upscale x2, fast": Operation(_asked(upscale, mode="fast", factor=2), _twice),
        "crop, center": Operation(_asked(crop, width=256, height=512, mode="center"), _middle),
        "crop, smart": Operation(_asked(crop, width=256, height=512), None),
        "annotate, canny": Operation(_asked(annotate, annotator="canny"), _canny),
        "remove background, GrabCut": Operation(_asked(remove_background, method="grabcut"), None),
        "describe": Operation(_asked(describe), None),
    }
    for name, plain in FILTERS.items():
        found[f"filter, {name}"] = Operation(_asked(filters, filters=[(name, {})]), plain)
    for style, plain in STYLES.items():
        found[f"filter, {style}"] = Operation(_asked(filters, filters=[("artistic", {"style": style})]), plain)
    for model in catalog.models:
        if catalog.is_installed(model):
            for name, operation in BY_A_NETWORK.get(model.kind, {}).items():
                found[f"{name}, {model.id}"] = operation(model.id, catalog.folder(model) / model.files[0].path)
    return found


def _asked(planning: Callable[..., Task], **said: Any) -> Callable[[Catalog, Image.Image], Task]:
    return lambda catalog, image: planning(catalog, image=raster_of(image), **said)


def _twice(image: Image.Image) -> Image.Image:
    return image.resize((2 * image.width, 2 * image.height), Image.Resampling.LANCZOS)


def _middle(image: Image.Image) -> Image.Image:
    return ImageOps.fit(image, (256, 512), Image.Resampling.LANCZOS)


def _canny(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(cv2.Canny(np.asarray(image), 100, 200))).convert("RGB")


def _enlarged(model: str, file: Path) -> Operation:
    network = ModelLoader().load_from_state_dict(load_file(file)).eval()
    asked = _asked(upscale, model=model, mode="conservative", factor=network.scale)
    return Operation(asked, partial(_by_spandrel, network), "small photograph")


@torch.inference_mode()
def _by_spandrel(network: Any, image: Image.Image) -> Image.Image:
    """The whole picture at once, as spandrel's documentation begins."""
    levels = torch.from_numpy(np.asarray(image)).permute(2, 0, 1)[None].float() / 255
    enlarged = (network(levels)[0].clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(enlarged.permute(1, 2, 0).numpy())


def _mask(model: str, file: Path) -> Operation:
    plain = partial(_by_onnxruntime, onnxruntime.InferenceSession(file))
    return Operation(_asked(remove_background, model=model, output="mask"), plain)


def _cut_out(model: str, _: Path) -> Operation:
    return Operation(_asked(remove_background, model=model), None)


def _by_onnxruntime(session: onnxruntime.InferenceSession, image: Image.Image) -> Image.Image:
    (takes,) = session.get_inputs()
    levels = np.asarray(image.resize(takes.shape[2:], Image.Resampling.LANCZOS), np.float32) / 127.5 - 1
    (found, *_) = session.run(None, {takes.name: levels.transpose(2, 0, 1)[None]})
    return Image.fromarray((found.squeeze() * 255).astype(np.uint8)).resize(image.size, Image.Resampling.LANCZOS)


def _found(model: str, _: Path) -> Operation:
    asked = _asked(search_and_recolor, segmenter=model, select_prompt="the red circle", colour="teal")
    return Operation(asked, None, "shapes")


BY_A_NETWORK: dict[str, dict[str, Callable[[str, Path], Operation]]] = {
    "upscaler": {"upscale": _enlarged},
    "matting": {"foreground's mask": _mask, "remove background": _cut_out},
    "segmenter": {"search and recolor": _found},
}


def _pencil(image: Image.Image) -> Image.Image:
    gray = cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2GRAY)
    drawn = cv2.divide(gray, cv2.GaussianBlur(gray, (0, 0), 8), scale=255)
    return Image.fromarray(np.asarray(drawn)).convert("RGB")


def _watercolor(image: Image.Image) -> Image.Image:
    washes = cv2.edgePreservingFilter(np.asarray(image), flags=cv2.RECURS_FILTER, sigma_s=60, sigma_r=0.6)
    return Image.fromarray(np.asarray(washes, np.uint8))


FILTERS: dict[str, Plain | None] = {
    "brightness": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "saturation": lambda image: ImageEnhance.Color(image).enhance(1.3),
    "blur": lambda image: image.filter(ImageFilter.GaussianBlur(5)),
    "sharpen": lambda image: image.filter(ImageFilter.UnsharpMask(2, 100, 0)),
    "grayscale": lambda image: image.convert("L").convert("RGB"),
    "invert": ImageOps.invert,
    **dict.fromkeys(("contrast", "hue", "sepia", "vignette", "noise", "posterize", "pixelate", "edge")),
}
STYLES: dict[str, Plain | None] = {
    "pencil": _pencil,
    "watercolor": _watercolor,
    **dict.fromkeys(("oil_painting", "cartoon")),
}
