"""The model folder of shapes-xl in diffusers' layout: what each stage starts from, and where it leaves its result."""

import hashlib
import json
from pathlib import Path
from typing import Any

import diffusers
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from training.controlnet import new_controlnet
from training.text import new_text_encoders
from training.text2image import SCHEDULER, new_unet
from training.tokenizers import make_tokenizers
from training.vae import new_vae

DEMO = Path(__file__).parents[2] / "pipelines" / "demo"
FOLDER = DEMO / "shapes-xl"
CONTROL = "shapes-control"

INDEX: dict[str, Any] = {
    "_class_name": "StableDiffusionXLPipeline",
    "_diffusers_version": diffusers.__version__,
    "force_zeros_for_empty_prompt": False,
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "tokenizer_2": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def write_frame() -> None:
    """Everything that is not trained by gradient: the index, the scheduler's config, the tokenizers."""
    write_json(FOLDER / "model_index.json", INDEX)
    write_json(FOLDER / "scheduler" / "scheduler_config.json", SCHEDULER)
    if not (FOLDER / "tokenizer_2").is_dir():
        make_tokenizers(FOLDER)


def vae() -> AutoencoderKL:
    return AutoencoderKL.from_pretrained(FOLDER / "vae").float() if (FOLDER / "vae").is_dir() else new_vae()


def encoder_digest() -> str:
    """Which encoder the VAE has, for what is kept of its work: another decoder leaves latents as they are."""
    digest = hashlib.sha256()
    for name, tensor in sorted(load_file(FOLDER / "vae" / "diffusion_pytorch_model.safetensors").items()):
        if name.startswith(("encoder.", "quant_conv.")):
            digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()[:16]


def unet() -> UNet2DConditionModel:
    return UNet2DConditionModel.from_pretrained(FOLDER / "unet").float() if (FOLDER / "unet").is_dir() else new_unet()


def controlnet() -> ControlNetModel:
    place = DEMO / CONTROL
    return ControlNetModel.from_pretrained(place).float() if place.is_dir() else new_controlnet(unet())


def tokenizers() -> tuple[CLIPTokenizer, CLIPTokenizer]:
    first, second = (CLIPTokenizer.from_pretrained(FOLDER / name) for name in ("tokenizer", "tokenizer_2"))
    return first, second


def text_encoders() -> tuple[CLIPTextModel, CLIPTextModelWithProjection]:
    if not (FOLDER / "text_encoder_2").is_dir():
        return new_text_encoders(len(tokenizers()[0]))
    return (
        CLIPTextModel.from_pretrained(FOLDER / "text_encoder").float(),
        CLIPTextModelWithProjection.from_pretrained(FOLDER / "text_encoder_2").float(),
    )


def save(name: str, part: Any, home: Path = FOLDER) -> None:
    """As fp16 safetensors, the name being that of the part's folder in `home`."""
    save_whole(home / name, part)


def save_whole(folder: Path, model: Any) -> None:
    """A model with its config, as fp16 safetensors."""
    model.half().save_pretrained(folder, safe_serialization=True)
    config = folder / "config.json"
    content = json.loads(config.read_text())
    content.pop("_name_or_path", None)  # where it was loaded from is nobody's business
    write_json(config, content)


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
